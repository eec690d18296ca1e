namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>Lets the rate swing between two bounds (Smith, arXiv:1506.01186), and the momentum against it.</summary>
                public class CyclicLR : LRScheduler
                {
                    private readonly double _total_size;
                    private readonly double _step_ratio;
                    private readonly Func<double, double> _scale;
                    private readonly ScaleMode _scale_mode;
                    private readonly double[] _low;
                    private readonly double[] _high;
                    private readonly (double Low, double High)[]? _momenta;

                    public CyclicLR(Optimizer optimizer, double base_lr, double max_lr, int step_size_up = 2000, int step_size_down = -1, Mode mode = Mode.Triangular, double gamma = 1.0, Func<double, double>? scale_fn = null, ScaleMode scale_mode = ScaleMode.Cycle, bool cycle_momentum = true, double base_momentum = 0.8, double max_momentum = 0.9, int last_epoch = -1, bool verbose = false)
                        : this(optimizer, Enumerable.Repeat(base_lr, Count(optimizer)), Enumerable.Repeat(max_lr, Count(optimizer)), step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode, cycle_momentum,
                            Enumerable.Repeat(base_momentum, Count(optimizer)), Enumerable.Repeat(max_momentum, Count(optimizer)), last_epoch, verbose)
                    {
                    }

                    public CyclicLR(Optimizer optimizer, IEnumerable<double> base_lr, IEnumerable<double> max_lr, int step_size_up = 2000, int step_size_down = -1, Mode mode = Mode.Triangular, double gamma = 1.0, Func<double, double>? scale_fn = null, ScaleMode scale_mode = ScaleMode.Cycle, bool cycle_momentum = true, IEnumerable<double>? base_momentum = null, IEnumerable<double>? max_momentum = null, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        int groups = _base_lrs.Count;
                        double down = step_size_down == -1 ? step_size_up : step_size_down;
                        _total_size = step_size_up + down;
                        _step_ratio = step_size_up / _total_size;
                        _low = PerGroup(base_lr, groups, nameof(base_lr));
                        _high = PerGroup(max_lr, groups, nameof(max_lr));
                        _base_lrs = _low;
                        if (last_epoch == -1)
                            foreach (var (group, lr) in optimizer.ParamGroups.Zip(_low)) group.LearningRate = lr;
                        if (cycle_momentum)
                        {
                            if (!MomentumOf.All(optimizer)) throw new ArgumentException("optimizer must support momentum with `cycle_momentum` option enabled", nameof(optimizer));
                            _momenta = [.. PerGroup(base_momentum ?? Enumerable.Repeat(0.8, groups), groups, nameof(base_momentum))
                                .Zip(PerGroup(max_momentum ?? Enumerable.Repeat(0.9, groups), groups, nameof(max_momentum)))];
                        }
                        (_scale, _scale_mode) = (scale_fn, mode) switch
                        {
                            ({ } own, _) => (own, scale_mode),
                            (null, Mode.Triangular) => (_ => 1.0, ScaleMode.Cycle),
                            (null, Mode.Triangular2) => (cycle => 1 / Math.Pow(2, cycle - 1), ScaleMode.Cycle),
                            (null, _) => (iteration => Math.Pow(gamma, iteration), ScaleMode.Iterations),
                        };
                        step();
                    }

                    protected override IEnumerable<double> get_lr()
                    {
                        double cycle = Math.Floor(1 + _last_epoch / _total_size);
                        double x = 1 + _last_epoch / _total_size - cycle;
                        double height = (x <= _step_ratio ? x / _step_ratio : (x - 1) / (_step_ratio - 1)) * _scale(_scale_mode == ScaleMode.Cycle ? cycle : _last_epoch);
                        if (_momenta is not null)
                        {
                            // The momentum is high where the rate is low.
                            foreach (var (group, bounds) in _optimizer.ParamGroups.Zip(_momenta)) MomentumOf.Set(group, bounds.High - (bounds.High - bounds.Low) * height);
                        }
                        return _low.Zip(_high, (low, high) => low + (high - low) * height);
                    }

                    public enum Mode
                    {
                        Triangular,
                        Triangular2,
                        ExpRange,
                    }

                    public enum ScaleMode
                    {
                        Cycle,
                        Iterations,
                    }
                }
            }
        }
    }
}
