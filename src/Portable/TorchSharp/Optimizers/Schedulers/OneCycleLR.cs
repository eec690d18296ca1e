namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>Raises the rate to a peak and lowers it far below the start (Smith and Topin, arXiv:1708.07120), and the momentum against it.</summary>
                public class OneCycleLR : LRScheduler
                {
                    private readonly int _total_steps;
                    private readonly Func<double, double, double, double> _anneal;
                    private readonly Phase[] _phases;
                    private readonly double[] _max_lrs;
                    private readonly double _div_factor;
                    private readonly double _final_div_factor;
                    private readonly (double Low, double High)[]? _momenta;

                    public OneCycleLR(Optimizer optimizer, double max_lr, int total_steps = -1, int epochs = -1, int steps_per_epoch = -1, double pct_start = 0.3, AnnealStrategy anneal_strategy = AnnealStrategy.Cos, bool cycle_momentum = true, double base_momentum = 0.85, double max_momentum = 0.95, double div_factor = 25, double final_div_factor = 1e4, bool three_phase = false, int last_epoch = -1, bool verbose = false)
                        : this(optimizer, Enumerable.Repeat(max_lr, Count(optimizer)), total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, cycle_momentum,
                            Enumerable.Repeat(base_momentum, Count(optimizer)), Enumerable.Repeat(max_momentum, Count(optimizer)), div_factor, final_div_factor, three_phase, last_epoch, verbose)
                    {
                    }

                    public OneCycleLR(Optimizer optimizer, IEnumerable<double> max_lr, int total_steps = -1, int epochs = -1, int steps_per_epoch = -1, double pct_start = 0.3, AnnealStrategy anneal_strategy = AnnealStrategy.Cos, bool cycle_momentum = true, IEnumerable<double>? base_momentum = null, IEnumerable<double>? max_momentum = null, double div_factor = 25, double final_div_factor = 1e4, bool three_phase = false, int last_epoch = -1, bool verbose = false)
                        : base(optimizer, last_epoch, verbose)
                    {
                        if (cycle_momentum && !MomentumOf.All(optimizer))
                            throw new ArgumentException("optimizer must support momentum with `cycle_momentum` option enabled", nameof(optimizer));
                        if (pct_start is < 0 or > 1) throw new ArgumentException($"Expected float between 0 and 1 for pct_start, but got {pct_start}", nameof(pct_start));
                        _total_steps = TotalSteps(total_steps, epochs, steps_per_epoch);
                        int groups = _base_lrs.Count;
                        _max_lrs = PerGroup(max_lr, groups, nameof(max_lr));
                        _div_factor = div_factor;
                        _final_div_factor = final_div_factor;
                        _anneal = anneal_strategy == AnnealStrategy.Cos
                            ? (start, end, part) => end + (start - end) / 2 * (1 + Math.Cos(Math.PI * part))
                            : (start, end, part) => (end - start) * part + start;
                        double last = _total_steps - 1;
                        _phases = three_phase
                            ?
                            [
                                new(pct_start * _total_steps - 1, Level.Start, Level.Peak),
                                new(2 * pct_start * _total_steps - 2, Level.Peak, Level.Start),
                                new(last, Level.Start, Level.End),
                            ]
                            : [new(pct_start * _total_steps - 1, Level.Start, Level.Peak), new(last, Level.Peak, Level.End)];
                        if (cycle_momentum)
                        {
                            _momenta = [.. PerGroup(base_momentum ?? Enumerable.Repeat(0.85, groups), groups, nameof(base_momentum))
                                .Zip(PerGroup(max_momentum ?? Enumerable.Repeat(0.95, groups), groups, nameof(max_momentum)))];
                        }
                        step();
                    }

                    protected override IEnumerable<double> get_lr()
                    {
                        if (_last_epoch > _total_steps)
                            throw new InvalidOperationException($"Tried to step {_last_epoch + 1} times. The specified number of total steps is {_total_steps}");
                        int place = 0;
                        while (place < _phases.Length - 1 && _last_epoch > _phases[place].Last) place++;
                        Phase phase = _phases[place];
                        double first = place == 0 ? 0 : _phases[place - 1].Last;
                        double length = phase.Last - first;
                        double part = length == 0 ? 1 : (_last_epoch - first) / length;   // a phase of no length is over
                        if (_momenta is not null)
                        {
                            // The momentum is low at the peak of the rate only.
                            foreach (var (group, bounds) in _optimizer.ParamGroups.Zip(_momenta))
                            {
                                double Momentum(Level level) => level == Level.Peak ? bounds.Low : bounds.High;
                                MomentumOf.Set(group, _anneal(Momentum(phase.From), Momentum(phase.To), part));
                            }
                        }
                        return _max_lrs.Select(peak => _anneal(Rate(peak, phase.From), Rate(peak, phase.To), part)).ToArray();
                    }

                    private double Rate(double peak, Level level) => level switch
                    {
                        Level.Start => peak / _div_factor,
                        Level.Peak => peak,
                        _ => peak / _div_factor / _final_div_factor,
                    };

                    private static int TotalSteps(int total, int epochs, int perEpoch)
                    {
                        if (total == -1 && epochs == -1 && perEpoch == -1) throw new ArgumentException("You must define either total_steps OR (epochs AND steps_per_epoch)");
                        if (total != -1) return total > 0 ? total : throw new ArgumentException($"Expected positive integer total_steps, but got {total}");
                        if (epochs <= 0) throw new ArgumentException($"Expected positive integer epochs, but got {epochs}");
                        if (perEpoch <= 0) throw new ArgumentException($"Expected positive integer steps_per_epoch, but got {perEpoch}");
                        return epochs * perEpoch;
                    }

                    public enum AnnealStrategy
                    {
                        Cos,
                        Linear,
                    }

                    private enum Level
                    {
                        Start,
                        Peak,
                        End,
                    }

                    private readonly record struct Phase(double Last, Level From, Level To);
                }
            }
        }
    }
}
