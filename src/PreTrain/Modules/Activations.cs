using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Computes an <see cref="Activation"/>, with the bias before it where there is one.</summary>
public static class Activations
{
    /// <summary>f(x).</summary>
    public static Tensor Apply(Activation activation, Tensor x) => activation switch
    {
        Activation.Gelu => nn.functional.gelu(x),
        Activation.GeluTanh => nn.functional.gelu(x, TorchSharp.Modules.GELU.Approximate.tanh),
        Activation.Relu => nn.functional.relu(x),
        Activation.Silu => nn.functional.silu(x),
        Activation.SquaredRelu => nn.functional.relu(x).square(),
        Activation.Tanh => tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, $"There is no activation {activation}."),
    };

    /// <summary>f(x + b).</summary>
    /// <param name="activation">f.</param>
    /// <param name="x">(…, C).</param>
    /// <param name="bias">(C), or null.</param>
    public static Tensor Apply(Activation activation, Tensor x, Tensor? bias) =>
        bias is null ? Apply(activation, x)
        : activation is Activation.Gelu or Activation.GeluTanh ? BiasGelu.Apply(x, bias, exact: activation == Activation.Gelu)
        : Apply(activation, x + bias);

    /// <summary>The activation of Hugging Face's name for it; null if there is none.</summary>
    public static Activation? OfName(string name) => name switch
    {
        "gelu" => Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast" => Activation.GeluTanh,
        "relu" => Activation.Relu,
        "silu" or "swish" => Activation.Silu,
        "relu2" => Activation.SquaredRelu,
        "tanh" => Activation.Tanh,
        _ => null,
    };

    /// <summary>Hugging Face's name.</summary>
    public static string NameOf(Activation activation) => activation switch
    {
        Activation.Gelu => "gelu",
        Activation.GeluTanh => "gelu_new",
        Activation.Relu => "relu",
        Activation.Silu => "silu",
        Activation.SquaredRelu => "relu2",
        Activation.Tanh => "tanh",
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, $"There is no activation {activation}."),
    };
}
