namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>Multiplies by a factor for the first total_iters steps.</summary>
                public class ConstantLR : LRScheduler
                {
                    private readonly double _factor;
                    private readonly int _total_iters;

                    public ConstantLR(Optimizer optimizer, double factor = 1.0 / 3, int total_iters = 5, int last_epoch = -1, bool verbose = false) : base(optimizer, last_epoch, verbose)
                    {
                        if (!(factor >= 0 && factor <= 1)) throw new ArgumentException($"factor ({factor}) must be between 0 and 1.", nameof(factor));
                        _factor = factor;
                        _total_iters = total_iters;
                        step();
                    }

                    // From 0 no factor leads back, but the base rate does.
                    protected override IEnumerable<double> get_lr() =>
                        _last_epoch == 0 ? Scaled(_factor) : _last_epoch != _total_iters ? Scaled(1) : _factor == 0 ? Base(1) : Scaled(1 / _factor);

                    protected override IEnumerable<double> get_closed_form_lr() => Base(_last_epoch >= _total_iters ? 1 : _factor);
                }
            }
        }
    }
}
