using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>What batch and instance normalization share: scale and shift for each feature, and running statistics.</summary>
public abstract class NormBase : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = nameof(bias))]
    private Parameter? _bias;
    [ComponentName(Name = nameof(weight))]
    private Parameter? _weight;
    [ComponentName(Name = nameof(running_mean))]
    private Tensor? _runningMean;
    [ComponentName(Name = nameof(running_var))]
    private Tensor? _runningVar;
    [ComponentName(Name = nameof(num_batches_tracked))]
    private Tensor? _batchesTracked;

    public NormBase(long num_features, double eps, double? momentum, bool affine, bool track_running_stats, Device? device, ScalarType? dtype, string name) : base(name)
    {
        this.num_features = num_features;
        this.eps = eps;
        this.momentum = momentum;
        this.affine = affine;
        this.track_running_stats = track_running_stats;
        if (affine)
        {
            weight = new Parameter(Kernels.Empty([num_features], device, dtype));
            bias = new Parameter(Kernels.Empty([num_features], device, dtype));
        }
        if (track_running_stats)
        {
            running_mean = Kernels.Empty([num_features], device, dtype);
            running_var = Kernels.Empty([num_features], device, dtype);
            num_batches_tracked = Kernels.Empty([], device, ScalarType.Int64);
        }
        reset_parameters();
    }

    public long num_features { get; }

    public double eps { get; set; }

    public double? momentum { get; set; }

    public bool affine { get; }

    public bool track_running_stats { get; }

    public Parameter weight
    {
        get => _weight!;
        set => Replace(nameof(weight), ref _weight, value);
    }

    public Parameter? bias
    {
        get => _bias;
        set => Replace(nameof(bias), ref _bias, value);
    }

    public Tensor? running_mean
    {
        get => _runningMean;
        set => Replace(nameof(running_mean), ref _runningMean, value);
    }

    public Tensor? running_var
    {
        get => _runningVar;
        set => Replace(nameof(running_var), ref _runningVar, value);
    }

    public Tensor? num_batches_tracked
    {
        get => _batchesTracked;
        set => Replace(nameof(num_batches_tracked), ref _batchesTracked, value);
    }

    public void reset_parameters()
    {
        reset_running_stats();
        if (!affine) return;
        nn.init.ones_(weight);
        nn.init.zeros_(bias!);
    }

    public void reset_running_stats()
    {
        if (!track_running_stats) return;
        nn.init.zeros_(_runningMean!);
        nn.init.ones_(_runningVar!);
        nn.init.zeros_(_batchesTracked!);
    }

    protected abstract void ValidateInputDimensions(Tensor input);
}
