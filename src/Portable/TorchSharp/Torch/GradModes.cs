using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    private sealed class GradModeScope : IDisposable
    {
        private readonly int _before = Native.pt_grad_enabled();
        private bool _done;

        internal GradModeScope(bool enabled) => Native.pt_set_grad_enabled(enabled ? 1 : 0);

        public void Dispose()
        {
            if (_done) return;
            _done = true;
            Native.pt_set_grad_enabled(_before);
        }
    }

    private sealed class InferenceModeScope(bool mode) : IDisposable
    {
        private nint _guard = Native.pt_inference_enter(mode ? 1 : 0);

        public void Dispose()
        {
            if (_guard == 0) return;
            Native.pt_inference_leave(_guard);
            _guard = 0;
        }
    }

    public static IDisposable no_grad() => new GradModeScope(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradModeScope(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradModeScope(mode);

    public static bool is_grad_enabled() => Native.pt_grad_enabled() != 0;

    public static IDisposable inference_mode(bool mode = true) => new InferenceModeScope(mode);

    public static bool is_inference_mode_enabled() => Native.pt_inference_enabled() != 0;
}
