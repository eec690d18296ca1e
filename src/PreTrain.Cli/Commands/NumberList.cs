using System.CommandLine;
using System.Globalization;
using System.Numerics;

namespace PreTrain.Cli.Commands;

/// <summary>Options whose value is numbers with commas between them.</summary>
internal static class NumberList
{
    /// <summary>An option that is null where it is not given.</summary>
    /// <param name="name">The option.</param>
    /// <param name="helpName">What help calls the value.</param>
    /// <param name="description">What help says.</param>
    /// <param name="accept">Whether a number may be among them.</param>
    /// <param name="rule">What the message says of them.</param>
    public static Option<T[]?> Create<T>(string name, string helpName, string description, Func<T, bool> accept, string rule) where T : INumber<T> => new(name)
    {
        Description = description,
        HelpName = helpName,
        CustomParser = result =>
        {
            string text = result.Tokens[^1].Value;
            var numbers = new List<T>();
            foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
            {
                if (T.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out T? number) && T.IsFinite(number) && accept(number)) numbers.Add(number);
                else
                {
                    result.AddError($"{name} ({text}) {rule}.");
                    return null;
                }
            }
            return [.. numbers];
        },
    };
}
