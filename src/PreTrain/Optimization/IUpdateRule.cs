using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>An update that treats every element alike, with up to three numbers of state for each; a value holds the numbers of one step and one group.</summary>
internal interface IUpdateRule
{
    /// <summary>Updates the state and returns the new weights. States that the optimizer has not are zero.</summary>
    Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c);

    /// <summary>The same in place by torch's operators.</summary>
    void Apply(Tensor w, Tensor g, Tensor?[] state);
}
