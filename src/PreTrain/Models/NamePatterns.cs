using System.Text.RegularExpressions;

namespace PreTrain.Models;

/// <summary>Patterns of names in which <c>*</c> stands for any characters.</summary>
internal sealed class NamePatterns(IReadOnlyList<string> patterns)
{
    private readonly Regex[] _patterns = [.. patterns.Select(p => new Regex($"^{Regex.Escape(p).Replace(@"\*", ".*", StringComparison.Ordinal)}$", RegexOptions.CultureInvariant))];

    internal bool Fits(string name) => Array.Exists(_patterns, p => p.IsMatch(name));

    /// <summary>Requires that each pattern fits something.</summary>
    /// <exception cref="ArgumentException">One fits nothing.</exception>
    internal void RequireAll(string property, string what, IEnumerable<string> names)
    {
        string[] all = [.. names];
        for (int i = 0; i < _patterns.Length; i++)
        {
            if (!all.Any(_patterns[i].IsMatch))
                throw new ArgumentException($"{property}: the pattern '{patterns[i]}' fits no {what} of the model{(all.Length == 0 ? "" : $", which has '{all[0]}' for example")}.");
        }
    }
}
