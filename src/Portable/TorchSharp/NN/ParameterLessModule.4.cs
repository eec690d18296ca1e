using static TorchSharp.torch;

namespace TorchSharp.Modules;

public abstract class ParameterLessModule<T1, T2, T3, T4, TResult> : nn.Module<T1, T2, T3, T4, TResult>, IParameterLessModule
{
    protected ParameterLessModule(string name) : base(name)
    {
    }

    protected internal override nn.Module _to(Device device, ScalarType dtype, bool non_blocking) => this;

    protected internal override nn.Module _to(DeviceType deviceType, int deviceIndex, bool non_blocking) => this;

    protected internal override nn.Module _to(ScalarType dtype, bool non_blocking) => this;

    public override void register_parameter(string name, Parameter param) => throw IParameterLessModule.Refusal("parameter");

    public override void register_buffer(string name, Tensor tensor, bool persistent = true) => throw IParameterLessModule.Refusal("buffer");

    public override void register_module(string name, nn.Module submodule)
    {
        IParameterLessModule.Check(submodule);
        base.register_module(name, submodule);
    }
}
