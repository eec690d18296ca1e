namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            public static partial class impl
            {
                /// <summary>Steps several schedulers, whose factors multiply.</summary>
                public class ChainedLR : LRScheduler
                {
                    private readonly LRScheduler[] _schedulers;

                    public ChainedLR(IEnumerable<LRScheduler> schedulers)
                    {
                        _schedulers = [.. schedulers];
                        if (_schedulers.Length == 0) throw new ArgumentException("ChainedLR expects at least one scheduler to be chained, but got none.", nameof(schedulers));
                        Watch(_schedulers[^1]);
                    }

                    public override void step()
                    {
                        foreach (LRScheduler scheduler in _schedulers) scheduler.step();
                        Watch(_schedulers[^1]);
                    }

                    private void Watch(LRScheduler last) => (_optimizer, _last_epoch, _base_lrs, _last_lrs) = (last._optimizer, last._last_epoch, last._base_lrs, last._last_lrs);
                }
            }
        }
    }
}
