using System.Diagnostics.CodeAnalysis;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>What an optimizer remembers about one parameter.</summary>
public abstract class OptimizerState
{
    protected Parameter _parameter;

    protected OptimizerState(Parameter parameter) => _parameter = parameter;

    /// <summary>Makes the state that belongs to a parameter before its first step.</summary>
    public abstract void Initialize(OptimizerOptions options);

    /// <summary>Copies another state, onto this parameter's device.</summary>
    public abstract void LoadStateDict(OptimizerState source);

    public abstract void LoadStateDict(BinaryReader reader);

    public abstract void SaveStateDict(BinaryWriter writer);

    public virtual bool ApproximatelyEquals(OptimizerState other) => false;

    /// <summary>Moves the tensors to a device.</summary>
    public virtual void to(Device device)
    {
    }

    protected static void LoadConditionalStateTensor(BinaryReader reader, ref Tensor? result, Device device)
    {
        bool stored = reader.ReadBoolean();
        Replace(ref result, null);
        if (stored) result = TensorExtensionMethods.Load(reader).to(device, disposeAfter: true).DetachFromDisposeScope();
    }

    protected static void SaveConditionalStateTensor(BinaryWriter writer, Tensor? tensor)
    {
        writer.Write(tensor is not null);
        tensor?.Save(writer);
    }

    /// <summary>Zeros of the parameter's shape, type and device, that live as long as this state.</summary>
    internal Tensor Zeros() => zeros_like(_parameter).DetachFromDisposeScope();

    internal static void Replace(ref Tensor? field, Tensor? value)
    {
        if (ReferenceEquals(field, value)) return;
        field?.Dispose();
        field = value?.DetachFromDisposeScope();
    }

    internal void CopyTo([NotNull] ref Tensor? field, Tensor source) => Replace(ref field!, source.to(_parameter.device, copy: true));

    internal void CopyToOptional(ref Tensor? field, Tensor? source) => Replace(ref field, source?.to(_parameter.device, copy: true));

    [return: NotNullIfNotNull(nameof(tensor))]
    internal static Tensor? Move(Tensor? tensor, Device device)
    {
        Tensor? moved = tensor?.to(device);
        if (!ReferenceEquals(moved, tensor)) tensor!.Dispose();
        return moved?.DetachFromDisposeScope();
    }

    internal static bool Close(Tensor? left, Tensor? right) => left is null || right is null ? left is null && right is null : left.allclose(right);

    internal static T As<T>(OptimizerState source) where T : OptimizerState =>
        source as T ?? throw new ArgumentException($"The state is a {source.GetType()}, and a {typeof(T)} is wanted.", nameof(source));
}
