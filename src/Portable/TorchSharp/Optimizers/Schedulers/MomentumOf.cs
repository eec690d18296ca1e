namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        public static partial class lr_scheduler
        {
            /// <summary>The momentum of a parameter group: where it has two decay rates, the first of them.</summary>
            private static class MomentumOf
            {
                internal static bool All(Optimizer optimizer) => optimizer.ParamGroups.All(group => group is IMomentum or IBetas);

                internal static void Set(ILearningRateController group, double value)
                {
                    if (group is IBetas betas) betas.Betas = (value, betas.Betas.Item2);
                    else ((IMomentum)group).Momentum = value;
                }
            }
        }
    }
}
