namespace TorchSharp;

public static partial class torch
{
    public static partial class optim
    {
        /// <summary>What a scheduler of the learning rate turns.</summary>
        public interface ILearningRateController
        {
            double LearningRate { get; set; }

            double InitialLearningRate { get; set; }
        }

        /// <summary>Something with a momentum that a scheduler may turn.</summary>
        public interface IMomentum
        {
            double Momentum { get; set; }
        }

        /// <summary>Something with two decay rates of averages, of which a scheduler may turn the first.</summary>
        public interface IBetas
        {
            (double, double) Betas { get; set; }
        }
    }
}
