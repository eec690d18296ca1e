using PreTrain.Torch;
using PreTrain.Torch.Cpu;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>
/// All trainable parameters of a model in a few contiguous buffers, so that clipping, the optimizer and accumulation are one pass over memory each:
/// 32-bit master values, a compute copy that the model's parameters are views of, and gradients of the compute type that their
/// <c>grad</c>s are views of. Matrices come first, then vectors, since only matrices have weight decay.
/// </summary>
/// <remarks>
/// <para>Every parameter starts at a multiple of 16 elements; the gaps are zero and stay so. A parameter that several modules share is in the
/// buffers once. Frozen parameters are cast to the compute type and stay out of the buffers. Module buffers keep their type.</para>
/// <para><see cref="Dispose"/> gives the model its 32-bit values back.</para>
/// </remarks>
public sealed class FlatParameters : IDisposable
{
    private const int Alignment = 16;
    private readonly Slot[] _slots;
    private readonly (Parameter Parameter, Tensor Master)[] _frozen;
    private readonly List<(string Name, Slot? Slot)> _names = [];
    private Tensor? _sum;
    private bool _disposed;

    /// <summary>Takes the parameters of a model over.</summary>
    /// <param name="model">The model; its parameters stay the same objects and become views of <see cref="Compute"/>. Former gradients are dropped.</param>
    /// <param name="precision">The type of the compute copy and of the gradients.</param>
    /// <exception cref="ArgumentException">The model has no trainable parameter, or its parameters are on several devices or are not floats.</exception>
    public FlatParameters(nn.Module model, Precision precision)
    {
        ArgumentNullException.ThrowIfNull(model);
        Precision = precision;
        ScalarType type = precision.ToScalarType();
        var seen = new HashSet<nint>();
        (string Name, Parameter Parameter)[] all = [.. model.named_parameters().Select(p => (p.name, p.parameter)).Where(p => seen.Add(p.parameter.Handle))];
        (string Name, Parameter Parameter)[] trainable = [.. all.Where(p => p.Parameter.requires_grad).OrderBy(p => p.Parameter.dim() < 2)];
        if (trainable.Length == 0) throw new ArgumentException("The model has no trainable parameter. Set requires_grad of those that are to be trained.", nameof(model));
        foreach (var (name, p) in trainable)
        {
            if (!p.is_floating_point()) throw new ArgumentException($"The parameter '{name}' has elements of the type {p.dtype}; only floats can be trained.", nameof(model));
            if (p.device.ToString() != trainable[0].Parameter.device.ToString())
                throw new ArgumentException($"The parameter '{name}' is on {p.device}, '{trainable[0].Name}' on {trainable[0].Parameter.device}; move the model to one device.", nameof(model));
        }

        long[] offsets = new long[trainable.Length];
        for (int i = 0; i < trainable.Length; i++)
        {
            offsets[i] = Length;
            Length += (trainable[i].Parameter.numel() + Alignment - 1) / Alignment * Alignment;
            if (trainable[i].Parameter.dim() >= 2) DecayedLength = Length;
        }

        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Device device = trainable[0].Parameter.device;
        // The values below, and two moments of an optimizer.
        if (device.type == DeviceType.CPU) ProcessHeap.Expect(Length * (3 * sizeof(float) + 2 * type.ElementSize()));
        Master = Keep(zeros([Length], dtype: ScalarType.Float32, device: device));
        _slots = [.. trainable.Select((p, i) => new Slot(p.Name, p.Parameter, offsets[i], p.Parameter.numel(), p.Parameter.shape))];
        foreach (Slot slot in _slots) slot.View(Master).copy_(slot.Parameter);
        Compute = type == ScalarType.Float32 ? Master : Keep(Master.to(type));
        Gradient = Keep(zeros([Length], dtype: type, device: device));
        foreach (Slot slot in _slots)
        {
            slot.Point(Compute);
            slot.Gradient = Keep(slot.View(Gradient));
            slot.Parameter.grad = slot.Gradient;
            GradientBuffers.Bind(slot.Parameter, slot.Gradient);
        }
        Ranges = [.. _slots.Select((slot, i) => new ParameterRange(slot.Name, trainable[i].Parameter.shape, offsets[i], slot.Count, i + 1 < offsets.Length ? offsets[i + 1] : Length))];
        _frozen = [.. all.Where(p => !p.Parameter.requires_grad && p.Parameter.is_floating_point() && p.Parameter.dtype != type && p.Parameter.numel() > 0).Select(p => (p.Parameter, Keep(p.Parameter.detach().clone())))];
        foreach (var (parameter, master) in _frozen) nn.utils.vector_to_parameters(master.to(type).view(-1), [parameter]);
        Masters = NameMasters(model);
    }

    /// <summary>The type of the compute copy and of the gradients.</summary>
    public Precision Precision { get; }

    /// <summary>Elements of each buffer, gaps included.</summary>
    public long Length { get; }

    /// <summary>The first so many elements are those of matrices, which have weight decay.</summary>
    public long DecayedLength { get; }

    /// <summary>The number of trainable values, without gaps; tied ones count once.</summary>
    public long Count => _slots.Sum(s => s.Count);

    /// <summary>The 32-bit values, (<see cref="Length"/>).</summary>
    public Tensor Master { get; }

    /// <summary>The values that the model computes with, (<see cref="Length"/>); <see cref="Master"/> itself in 32 bits.</summary>
    public Tensor Compute { get; }

    /// <summary>What autograd adds to, (<see cref="Length"/>).</summary>
    public Tensor Gradient { get; }

    /// <summary>The gradient of the step, (<see cref="Length"/>): <see cref="Gradient"/>, or the 32-bit sum of several micro-batches.</summary>
    public Tensor StepGradient => _sum ?? Gradient;

    /// <summary>Every parameter's values before rounding, by all its names in the model's <c>state_dict</c>.</summary>
    public IReadOnlyDictionary<string, Tensor> Masters { get; }

    /// <summary>Where each parameter lies, in the buffers' order.</summary>
    internal IReadOnlyList<ParameterRange> Ranges { get; }

    /// <summary>
    /// To be called after each backward pass. Gradients that somebody replaced are brought back into the buffer. With a compute type of 16 bits and several
    /// micro-batches, the gradient is moved into a 32-bit sum, which <see cref="StepGradient"/> is from then on, in later steps too.
    /// </summary>
    /// <param name="accumulate">Whether the step has several micro-batches.</param>
    public void Collect(bool accumulate = false)
    {
        using IDisposable mode = no_grad();
        foreach (Slot slot in _slots) slot.Attach();
        if (Gradient.dtype == ScalarType.Float32 || (!accumulate && _sum is null)) return;
        if (_sum is null)
        {
            using DisposeScope scope = NewDisposeScope();
            _sum = Keep(zeros_like(Master));
        }
        if (TensorMemory.HasKernelsFor(Gradient))
        {
            FlatKernels.MoveInto(_sum, Gradient);
            return;
        }
        _sum.add_(Gradient);
        Gradient.zero_();
    }

    /// <summary>Sets all gradients to zero, as after a step.</summary>
    internal void DropGradient()
    {
        using IDisposable mode = no_grad();
        foreach (Slot slot in _slots) slot.Attach();
        Gradient.zero_();
        _sum?.zero_();
    }

    /// <summary>Whether a trained parameter gets a gradient. One that gets none keeps its place in the buffers, and zeros for its gradient.</summary>
    internal void Want(Parameter parameter, bool gradient)
    {
        if (parameter.requires_grad == gradient || Array.Find(_slots, s => s.Parameter.Handle == parameter.Handle) is not { } slot) return;
        parameter.requires_grad = gradient;
        if (gradient) GradientBuffers.Bind(parameter, slot.Gradient!);
        else GradientBuffers.Release(parameter);
    }

    /// <summary>Multiplies the gradient of the step.</summary>
    internal void ScaleGradient(double factor)
    {
        using IDisposable mode = no_grad();
        StepGradient.mul_(factor);
    }

    /// <summary>Lets an action write the parameters, which are the 32-bit values meanwhile; then the compute copy is made anew.</summary>
    internal void Replace(Action write)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        bool copies = !ReferenceEquals(Compute, Master);
        foreach (var (parameter, master) in _frozen) nn.utils.vector_to_parameters(master.view(-1), [parameter]);
        if (copies) PointTo(Master);
        try
        {
            write();
        }
        finally
        {
            if (copies)
            {
                Compute.copy_(Master);
                PointTo(Compute);
            }
            foreach (var (parameter, master) in _frozen) nn.utils.vector_to_parameters(master.to(Precision.ToScalarType()).view(-1), [parameter]);
        }

        void PointTo(Tensor flat)
        {
            foreach (Slot slot in _slots)
            {
                slot.Point(flat);
                if (ReferenceEquals(flat, Compute)) slot.Parameter.grad = slot.Gradient;
            }
        }
    }

    /// <summary>Cuts a buffer of <see cref="Length"/> elements into one view for each parameter, of its shape.</summary>
    /// <param name="flat">The buffer.</param>
    /// <returns>Names and views, in the buffer's order. The views belong to the current dispose scope.</returns>
    public IEnumerable<(string Name, Tensor View)> Split(Tensor flat)
    {
        if (flat.numel() != Length) throw new ArgumentException($"The buffer has {flat.numel()} elements; the parameters take {Length}.", nameof(flat));
        return _slots.Select(slot => (slot.Name, slot.View(flat)));
    }

    /// <summary>A parameter's part of a buffer of <see cref="Length"/> elements, of its shape; null for one that is not trained.</summary>
    internal Tensor? Find(Parameter parameter, Tensor flat) => Array.Find(_slots, slot => slot.Parameter.Handle == parameter.Handle)?.View(flat);

    /// <summary>The Euclidean norm of all gradients together, computed in one pass; waits for the device.</summary>
    public double GradientNorm() => GradientNorm(TensorMemory.HasKernelsFor(Master));

    internal double GradientNorm(bool kernels)
    {
        if (kernels) return Math.Sqrt(FlatKernels.SumOfSquares(StepGradient));
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return linalg.vector_norm(StepGradient.to(ScalarType.Float32), 2).item<float>();
    }

    /// <summary>The names of <see cref="Masters"/> for the values of another buffer of the same layout, such as an average; frozen parameters have their own values.</summary>
    /// <param name="flat">The buffer, (<see cref="Length"/>).</param>
    /// <returns>Views, which belong to the current dispose scope.</returns>
    public IReadOnlyDictionary<string, Tensor> NameValues(Tensor flat)
    {
        ArgumentNullException.ThrowIfNull(flat);
        if (flat.numel() != Length) throw new ArgumentException($"The buffer has {flat.numel()} elements; the parameters take {Length}.", nameof(flat));
        return _names.ToDictionary(n => n.Name, n => n.Slot?.View(flat) ?? Masters[n.Name]);
    }

    /// <summary>Makes the model's parameters views of the 32-bit values, without gradients, and frees the other buffers.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (Slot slot in _slots)
        {
            slot.Gradient!.Dispose();
            GradientBuffers.Release(slot.Parameter);
            if (slot.Parameter.IsInvalid) continue;   // the model was disposed
            slot.Parameter.requires_grad = true;   // as it was found, however the run ended
            slot.Parameter.grad = null;
            if (Compute.dtype != ScalarType.Float32) slot.Point(Master);
        }
        foreach (var (parameter, master) in _frozen)
            if (!parameter.IsInvalid) nn.utils.vector_to_parameters(master.view(-1), [parameter]);
        foreach (Tensor view in Masters.Values) view.Dispose();
        foreach (var (_, master) in _frozen) master.Dispose();
        _sum?.Dispose();
        Gradient.Dispose();
        Compute.Dispose();
        Master.Dispose();   // the parameters keep the memory
    }

    private static Tensor Keep(Tensor t) => t.DetachFromDisposeScope();

    private Dictionary<string, Tensor> NameMasters(nn.Module model)
    {
        var trainable = _slots.ToDictionary(s => s.Parameter.Handle);
        var frozen = _frozen.ToDictionary(f => f.Parameter.Handle, f => f.Master);
        var masters = new Dictionary<string, Tensor>();
        foreach (var (name, t) in model.state_dict())
        {
            if (trainable.TryGetValue(t.Handle, out Slot? slot)) masters[name] = Keep(slot.View(Master));
            else if (frozen.TryGetValue(t.Handle, out Tensor? master)) masters[name] = Keep(master.alias());
            else continue;
            _names.Add((name, slot));
        }
        return masters;
    }

    private sealed class Slot(string name, Parameter parameter, long offset, long count, long[] shape)
    {
        internal readonly string Name = name;
        internal readonly Parameter Parameter = parameter;
        internal readonly long Count = count;
        internal Tensor? Gradient;

        internal Tensor View(Tensor flat)
        {
            using Tensor part = flat.narrow(0, offset, Count);
            return part.view(shape);
        }

        /// <summary>Lets the parameter's elements be those of a buffer. The object, and so every module that holds it, stays.</summary>
        internal void Point(Tensor flat)
        {
            Parameter.grad = null;
            using Tensor part = flat.narrow(0, offset, Count);
            nn.utils.vector_to_parameters(part, [Parameter]);
        }

        internal void Attach()
        {
            using Tensor? current = Parameter.grad;
            if (current is not null && GradientBuffers.IsSame(current, Gradient!)) return;
            if (current is null) Gradient!.zero_();
            else Gradient!.copy_(current);
            Parameter.grad = Gradient;
        }
    }
}
