namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            /// <summary>The parameters and persistent buffers of the tree by their names; the tensors themselves, not copies.</summary>
            public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
            {
                destination ??= [];
                string Key(string n) => string.IsNullOrEmpty(prefix) ? n : $"{prefix}.{n}";
                foreach (var (n, p) in named_parameters()) destination.TryAdd(Key(n), p);
                foreach (var (n, b) in named_buffers(include_nonpersistent: false)) destination.TryAdd(Key(n), b);
                // A tensor that two modules share has a name in each.
                foreach (var (n, m) in _internal_submodules) m.state_dict(destination, Key(n));
                return destination;
            }

            /// <summary>Copies values into the parameters and buffers.</summary>
            /// <returns>The names that the source lacks, and those that this module lacks.</returns>
            /// <exception cref="InvalidOperationException">The names differ, and <paramref name="strict"/> is set.</exception>
            public virtual (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
            {
                skip ??= [];
                Dictionary<string, Tensor> destination = state_dict();
                List<string> missing = [.. destination.Keys.Where(k => !source.ContainsKey(k) && !skip.Contains(k))];
                List<string> unexpected = [.. source.Keys.Where(k => !destination.ContainsKey(k) && !skip.Contains(k))];
                if (strict && (missing.Count > 0 || unexpected.Count > 0))
                    throw new InvalidOperationException("The loaded state_dict is not identical to the target dictionary." + Names(" Missing: ", missing) + Names(" Unexpected: ", unexpected));

                using IDisposable noGrad = no_grad();
                foreach (var (key, value) in source)
                {
                    if (skip.Contains(key) || !destination.TryGetValue(key, out Tensor? target)) continue;
                    if (!target.shape.AsSpan().SequenceEqual(value.shape))
                        throw new ArgumentException($"'{key}' has shape [{string.Join(", ", value.shape)}] in the source and [{string.Join(", ", target.shape)}] in the module; they must be equal.", nameof(source));
                    Kernels.CopyInPlace(target, value);
                }
                return (missing, unexpected);
            }

            private static string Names(string label, List<string> names) =>
                names.Count == 0 ? "" : $"{label}{string.Join(", ", names.Take(8))}{(names.Count > 8 ? $" and {names.Count - 8} more" : "")}.";
        }
    }
}
