using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class optim
        {
            public static Modules.Adagrad Adagrad(IEnumerable<Modules.Parameter> parameters, double lr = 1e-2, double lr_decay = 0, double weight_decay = 0, double initial_accumulator_value = 0, double eps = 1e-10) =>
                new(parameters, lr, lr_decay, weight_decay, initial_accumulator_value, eps);

            public static Modules.Adagrad Adagrad(IEnumerable<(string name, Modules.Parameter parameter)> parameters, double lr = 1e-2, double lr_decay = 0, double weight_decay = 0, double initial_accumulator_value = 0, double eps = 1e-10) =>
                new(parameters.Select(np => np.parameter), lr, lr_decay, weight_decay, initial_accumulator_value, eps);

            public static Modules.Adagrad Adagrad(IEnumerable<Modules.Adagrad.ParamGroup> parameters, double lr = 1e-2, double lr_decay = 0, double weight_decay = 0, double initial_accumulator_value = 0, double eps = 1e-10) =>
                new(parameters, lr, lr_decay, weight_decay, initial_accumulator_value, eps);
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>Divides by the root of the sum of all squared gradients (Duchi, Hazan and Singer, JMLR 12, 2011).</summary>
    public class Adagrad : OptimizerHelper
    {
        public Adagrad(IEnumerable<Parameter> parameters, double lr = 1e-2, double lr_decay = 0, double weight_decay = 0, double initial_accumulator_value = 0, double eps = 1e-10)
            : this([new ParamGroup { Parameters = parameters }], lr, lr_decay, weight_decay, initial_accumulator_value, eps)
        {
        }

        public Adagrad(IEnumerable<ParamGroup> parameters, double lr = 1e-2, double lr_decay = 0, double weight_decay = 0, double initial_accumulator_value = 0, double eps = 1e-10)
        {
            OptimizerOptions.Require(lr >= 0, $"Invalid learning rate: {lr}");
            OptimizerOptions.Require(eps >= 0, $"Invalid ε: {eps}");
            OptimizerOptions.Require(lr_decay >= 0, $"Invalid lr_decay value: {lr_decay}");
            OptimizerOptions.Require(weight_decay >= 0, $"Invalid weight_decay value: {weight_decay}");
            OptimizerOptions.Require(initial_accumulator_value >= 0, $"Invalid initial_accumulator_value: {initial_accumulator_value}");
            _defaults = new Options { LearningRate = lr, InitialLearningRate = lr, lr_decay = lr_decay, initial_accumulator_value = initial_accumulator_value, eps = eps, weight_decay = weight_decay };
            foreach (ParamGroup group in parameters) add_param_group(group);
        }

        public override Tensor? step(Func<Tensor>? closure = null) => Step<Options, State>(Update, closure);

        public override void add_param_group(Modules.ParamGroup param_group) => Add<Options>(param_group, parameter => new State(parameter));

        private static void Update(Options options, State state, Parameter parameter, Tensor grad)
        {
            if (grad.is_sparse) throw new NotImplementedException("Adagrad optimization over sparse parameters");
            double decay = options.weight_decay!.Value;
            state.step++;
            if (decay != 0) grad = grad.add(parameter, decay);

            double lr = options.LearningRate!.Value / (1 + (state.step - 1) * options.lr_decay!.Value);
            state.sum.addcmul_(grad, grad, 1);
            parameter.addcdiv_(grad, state.sum.sqrt().add_(options.eps!.Value), -lr);
        }

        public class Options : OptimizerOptions
        {
            public double? lr_decay;
            public double? initial_accumulator_value;
            public double? eps;
            public double? weight_decay;

            public override void LoadStateDict(OptimizerOptions source)
            {
                base.LoadStateDict(source);
                var other = (Options)source;
                lr_decay = other.lr_decay;
                initial_accumulator_value = other.initial_accumulator_value;
                eps = other.eps;
                weight_decay = other.weight_decay;
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                base.LoadStateDict(reader);
                lr_decay = reader.ReadDouble();
                initial_accumulator_value = reader.ReadDouble();
                eps = reader.ReadDouble();
                weight_decay = reader.ReadDouble();
            }

            public override void SaveStateDict(BinaryWriter writer)
            {
                base.SaveStateDict(writer);
                writer.Write(lr_decay!.Value);
                writer.Write(initial_accumulator_value!.Value);
                writer.Write(eps!.Value);
                writer.Write(weight_decay!.Value);
            }

            internal override void Complete(OptimizerOptions defaults)
            {
                base.Complete(defaults);
                var other = (Options)defaults;
                lr_decay ??= other.lr_decay;
                initial_accumulator_value ??= other.initial_accumulator_value;
                eps ??= other.eps;
                weight_decay ??= other.weight_decay;
            }
        }

        public class ParamGroup : ParamGroup<Options>
        {
            public ParamGroup()
            {
            }

            public ParamGroup(IEnumerable<Parameter> parameters, Options options) : base(parameters, options)
            {
            }

            public ParamGroup(IEnumerable<Parameter> parameters, double lr = 1e-2, double lr_decay = 0, double weight_decay = 0, double initial_accumulator_value = 0, double eps = 1e-10)
                : base(parameters, new Options { LearningRate = lr, lr_decay = lr_decay, weight_decay = weight_decay, initial_accumulator_value = initial_accumulator_value, eps = eps })
            {
            }
        }

        public sealed class State(Parameter parameter) : OptimizerState(parameter), IDisposable
        {
            public long step;
            public Tensor sum = null!;

            public override void Initialize(OptimizerOptions options)
            {
                step = 0;
                Replace(ref sum!, full_like(_parameter, ((Options)options).initial_accumulator_value!.Value));
            }

            public override void LoadStateDict(OptimizerState source)
            {
                State other = As<State>(source);
                step = other.step;
                CopyTo(ref sum!, other.sum);
            }

            public override void LoadStateDict(BinaryReader reader)
            {
                step = reader.ReadInt64();
                sum.Load(reader);
            }

            public override void SaveStateDict(BinaryWriter writer)
            {
                writer.Write(step);
                sum.Save(writer);
            }

            public override bool ApproximatelyEquals(OptimizerState other) =>
                other is State state && step == state.step && Close(sum, state.sum);

            public override void to(Device device)
            {
                sum = Move(sum, device);
            }

            public void Dispose()
            {
                sum?.Dispose();
            }
        }
    }
}
