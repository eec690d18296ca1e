using TorchSharp.Interop;

namespace TorchSharp;

/// <summary>Switches autograd's search for NaN gradients, and restores the former setting when disposed.</summary>
public class AnomalyMode : IDisposable
{
    private readonly bool _enabled = IsEnabled;
    private readonly bool _checkNan = ShouldCheckNaN;

    public AnomalyMode(bool enabled, bool check_nan = true) => Native.pt_set_anomaly(enabled ? 1 : 0, check_nan ? 1 : 0);

    public static bool IsEnabled => Native.pt_anomaly_enabled() != 0;

    public static bool ShouldCheckNaN => Native.pt_anomaly_checks_nan() != 0;

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) Native.pt_set_anomaly(_enabled ? 1 : 0, _checkNan ? 1 : 0);
    }
}
