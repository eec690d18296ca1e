using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    private sealed class DeterministicScope : IDisposable
    {
        private readonly int _before = Native.pt_get_deterministic();
        private bool _done;

        internal DeterministicScope(bool mode, bool warnOnly) => Errors.Check(Native.pt_set_deterministic(mode ? 1 : 0, warnOnly ? 1 : 0));

        public void Dispose()
        {
            if (_done) return;
            _done = true;
            Errors.Check(Native.pt_set_deterministic(_before, 0));
        }
    }

    public static IDisposable use_deterministic_algorithms(bool mode = true, bool warn_only = false) => new DeterministicScope(mode, warn_only);

    public static bool are_deterministic_algorithms_enabled() => Native.pt_get_deterministic() != 0;
}
