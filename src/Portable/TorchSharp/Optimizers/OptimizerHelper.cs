using static TorchSharp.torch;
using static TorchSharp.torch.optim;

namespace TorchSharp.Modules;

/// <summary>What the optimizers written in C# have in common: groups, states, saving and loading.</summary>
public abstract class OptimizerHelper : Optimizer
{
    protected OptimizerOptions _defaults = null!;
    protected Utils.OrderedDict<nint, OptimizerState> _state = [];

    public OptimizerHelper() : base(0)
    {
    }

    public override void zero_grad() => base.zero_grad();

    public override IEnumerable<Parameter> parameters() => base.parameters();

    public override void add_param_group(ParamGroup param_group) => base.add_param_group(param_group);

    /// <summary>The options and states, in the order of the groups and their parameters.</summary>
    public virtual StateDictionary state_dict()
    {
        var result = new StateDictionary();
        foreach (ParamGroup group in _parameter_groups)
        {
            result.Options.Add(group.Options);
            var places = new List<int>();
            foreach (Parameter parameter in group.Parameters)
            {
                places.Add(result.State.Count);
                result.State.Add(_state[parameter.Handle]);
            }
            result.StateIndexRef.Add(places);
        }
        return result;
    }

    /// <exception cref="ArgumentException">The numbers of groups or parameters differ.</exception>
    public virtual void load_state_dict(StateDictionary state_dict)
    {
        StateDictionary own = this.state_dict();
        CheckCounts(own, state_dict.Options.Count, state_dict.State.Count);
        foreach (var (options, source) in own.Options.Zip(state_dict.Options))
            if (!ReferenceEquals(options, source)) options.LoadStateDict(source);
        foreach (var (state, source) in own.State.Zip(state_dict.State))
            if (!ReferenceEquals(state, source)) state.LoadStateDict(source);
    }

    public void save_state_dict(string location)
    {
        using var writer = new BinaryWriter(File.Create(location));
        save_state_dict(writer);
    }

    public void load_state_dict(string location)
    {
        using var reader = new BinaryReader(File.OpenRead(location));
        load_state_dict(reader);
    }

    /// <summary>Writes the optimizer's name, the numbers of groups and states, the options, the states.</summary>
    public void save_state_dict(BinaryWriter writer)
    {
        StateDictionary own = state_dict();
        writer.Write(GetType().Name);
        writer.Write7BitEncodedInt64(own.Options.Count);
        writer.Write7BitEncodedInt64(own.State.Count);
        foreach (OptimizerOptions options in own.Options) options.SaveStateDict(writer);
        foreach (OptimizerState state in own.State) state.SaveStateDict(writer);
    }

    /// <exception cref="InvalidDataException">Another kind of optimizer was saved, or the stream is none of this format.</exception>
    /// <exception cref="ArgumentException">The numbers of groups or parameters, or a tensor's type or shape, differ.</exception>
    /// <exception cref="EndOfStreamException">The stream ends too early.</exception>
    public void load_state_dict(BinaryReader reader)
    {
        StateDictionary own = state_dict();
        try
        {
            string name = reader.ReadString();
            if (name != GetType().Name)
                throw new InvalidDataException($"Mismatched optimizer type: expected '{GetType().Name}', but found '{name}' in the loaded stream.");
            CheckCounts(own, reader.Read7BitEncodedInt64(), reader.Read7BitEncodedInt64());
        }
        catch (FormatException e)
        {
            throw new InvalidDataException("The stream does not hold an optimizer's state: a number has too many bytes.", e);
        }
        foreach (OptimizerOptions options in own.Options) options.LoadStateDict(reader);
        foreach (OptimizerState state in own.State) state.LoadStateDict(reader);
    }

    /// <summary>Moves the states to a device; the parameters are moved by their module.</summary>
    public void to(Device device)
    {
        foreach (var (_, state) in _state) state.to(device);
    }

    /// <summary>Runs a step's body once for each group, without gradients and in a scope of its own, after the closure.</summary>
    protected Tensor? _step<T>(Action<T> body, Func<Tensor>? loss_closure = null) where T : ParamGroup
    {
        Tensor? loss = null;
        if (loss_closure is not null)
        {
            using IDisposable grad = enable_grad();
            loss = loss_closure();
        }
        using IDisposable noGrad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (ParamGroup group in _parameter_groups)
            body(group as T ?? throw new InvalidOperationException($"A parameter group is a {group.GetType()}, and {GetType().Name} needs a {typeof(T)}."));
        return loss;
    }

    /// <summary>Adds a group, completes its options from the defaults, and makes the states of its parameters.</summary>
    internal void Add<TOptions>(ParamGroup group, Func<Parameter, OptimizerState> newState) where TOptions : OptimizerOptions, new()
    {
        group.Options ??= new TOptions();
        if (group.Options is not TOptions options)
            throw new ArgumentException($"The group's options are {group.Options.GetType()}, and {GetType().Name} needs {typeof(TOptions)}.", nameof(group));
        options.Complete(_defaults);
        group.Parameters = [.. group.Parameters];
        _parameter_groups.Add(group);
        foreach (Parameter parameter in group.Parameters)
        {
            OptimizerState state = newState(parameter);
            state.Initialize(options);
            _state[parameter.Handle] = state;
        }
    }

    /// <summary>Runs a step's body for each parameter that has a gradient.</summary>
    internal Tensor? Step<TOptions, TState>(Action<TOptions, TState, Parameter, Tensor> body, Func<Tensor>? closure)
        where TOptions : OptimizerOptions where TState : OptimizerState =>
        _step<ParamGroup>(group =>
        {
            var options = (TOptions)group.Options;
            foreach (Parameter parameter in group.Parameters)
                if (parameter.grad is { } grad) body(options, (TState)_state[parameter.Handle], parameter, grad);
        }, closure);

    internal override void DisposeStates()
    {
        foreach (var (_, state) in _state) (state as IDisposable)?.Dispose();
        _state.clear();
    }

    private static void CheckCounts(StateDictionary own, long options, long states)
    {
        if (options != own.Options.Count)
            throw new ArgumentException($"Invalid optimizer state -- different number of parameter groups: {options} are stored, and the optimizer has {own.Options.Count}.");
        if (states != own.State.Count)
            throw new ArgumentException($"Invalid optimizer state -- different number of states: {states} are stored, and the optimizer has {own.State.Count}.");
    }

    protected enum TypeCode
    {
        Double = 0,
        Long = 1,
        Tensor = 2,
        Options = 3,
        State = 4,
    }
}
