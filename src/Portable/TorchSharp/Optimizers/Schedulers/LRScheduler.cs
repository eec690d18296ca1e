namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <summary>Sets the learning rate of each parameter group, step by step. Building one makes the first step, number 0.</summary>
            public abstract class LRScheduler
            {
                internal Optimizer _optimizer = null!;
                internal int _last_epoch = -1;
                internal bool _verbose;
                internal IList<double> _base_lrs = [];
                internal IList<double> _last_lrs = [];
                protected int _step_count;

                protected LRScheduler()
                {
                }

                protected LRScheduler(Optimizer optimizer, int last_epoch = -1, bool verbose = false)
                {
                    ArgumentNullException.ThrowIfNull(optimizer);
                    _optimizer = optimizer;
                    _last_epoch = last_epoch;
                    _verbose = verbose;
                    _base_lrs = [.. optimizer.ParamGroups.Select(group => group.InitialLearningRate)];
                    _last_lrs = [.. Current];
                }

                /// <summary>Goes on to the next step.</summary>
                public virtual void step() => step(null);

                /// <summary>Goes to a step, or to the next one.</summary>
                public virtual void step(int? epoch)
                {
                    _step_count++;
                    _last_epoch = epoch ?? _last_epoch + 1;

                    // Asked for once only: some schedulers step others, or set the momentum.
                    double[] rates = [.. epoch is null ? get_lr() : get_closed_form_lr()];
                    int i = 0;
                    foreach (ILearningRateController group in _optimizer.ParamGroups)
                    {
                        if (i == rates.Length) break;   // a group that was added later keeps its rate
                        if (_verbose && _last_lrs[i] != rates[i]) Console.WriteLine($"Adjusting learning rate to {rates[i]}");
                        group.LearningRate = rates[i++];
                    }
                    _last_lrs = rates;
                }

                /// <summary>Goes to a step; only schedulers that watch a metric look at it.</summary>
                public virtual void step(double current, int? epoch = null) => step(epoch);

                /// <summary>The rates that the last step set, one for each group.</summary>
                public IEnumerable<double> get_last_lr() => _last_lrs;

                /// <summary>The rates of the step that was reached, from those of the step before.</summary>
                protected virtual IEnumerable<double> get_lr() => Current;

                /// <summary>The rates of any step, from the base rates.</summary>
                protected virtual IEnumerable<double> get_closed_form_lr() => get_lr();

                internal IEnumerable<double> Current => _optimizer.ParamGroups.Select(group => group.LearningRate);

                internal IEnumerable<double> Scaled(double factor) => Current.Select(lr => lr * factor);

                internal IEnumerable<double> Base(double factor) => _base_lrs.Select(lr => lr * factor);

                internal static int Count(Optimizer? optimizer) => optimizer?.ParamGroups.Count() ?? 0;

                internal static double[] PerGroup(IEnumerable<double> values, int groups, string name)
                {
                    double[] result = [.. values];
                    return result.Length == groups ? result : throw new ArgumentException($"expected {groups} values for {name}, one for each parameter group, but got {result.Length}.", name);
                }
            }
        }
    }
}
