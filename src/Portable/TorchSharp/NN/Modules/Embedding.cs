using TorchSharp.Interop;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A table of vectors, looked up by index.</summary>
public sealed class Embedding : nn.Module<Tensor, Tensor>
{
    private static readonly Operator s_embedding = new("embedding");
    private static readonly Operator s_renorm = new("embedding_renorm_");
    private readonly long _paddingIndex;
    private readonly double? _maxNorm;
    private readonly double _normType;
    private readonly bool _scaleGradByFreq, _sparse;
    [ComponentName(Name = nameof(weight))]
    private Parameter? _weight;

    internal Embedding(Parameter weight, long? paddingIndex, double? maxNorm, double normType, bool scaleGradByFreq, bool sparse) : base(nameof(Embedding))
    {
        long count = weight.size(0);
        if (paddingIndex is { } i && (i < -count || i >= count))
            throw new ArgumentException($"padding_idx ({i}) must be within num_embeddings ({count}).", "padding_idx");
        _paddingIndex = paddingIndex is { } p ? (p < 0 ? p + count : p) : -1;
        _maxNorm = maxNorm;
        _normType = normType;
        _scaleGradByFreq = scaleGradByFreq;
        _sparse = sparse;
        this.weight = weight;
    }

    internal long PaddingIndex => _paddingIndex;

    public Parameter? weight
    {
        get => _weight;
        set
        {
            // A table that was taken out stays its holder's.
            value?.DetachFromDisposeScope();
            _weight = value;
            ConditionallyRegisterParameter(nameof(weight), value);
        }
    }

    public override Tensor forward(Tensor input)
    {
        if (_maxNorm is { } norm)
        {
            using IDisposable noGrad = no_grad();
            s_renorm.CallInto(_weight!, _weight!, input, norm, _normType);
        }
        return s_embedding.Call(_weight!, input, _paddingIndex, _scaleGradByFreq, _sparse);
    }
}
