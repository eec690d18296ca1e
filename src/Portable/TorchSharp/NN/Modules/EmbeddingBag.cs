using TorchSharp.Interop;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A table of vectors, of which bags are looked up and reduced: the rows of a matrix of indices, or the parts of a list that begin at offsets.</summary>
public sealed class EmbeddingBag : nn.Module<Tensor, Tensor?, Tensor?, Tensor>, nn.IModule<Tensor, Tensor>, nn.IModule<Tensor, Tensor, Tensor>
{
    private static readonly Operator s_embeddingBag = new("embedding_bag", "padding_idx"), s_renorm = new("embedding_renorm_");
    private static readonly Operator s_reshape = new("reshape"), s_arange = new("arange", "start_step");
    private readonly double? _maxNorm;
    private readonly double _normType;
    private readonly bool _scaleGradByFreq, _sparse, _includeLastOffset;
    private readonly EmbeddingBagMode _mode;
    private readonly long _paddingIndex;
    [ComponentName(Name = nameof(weight))]
    private Parameter? _weight;

    internal EmbeddingBag(Parameter weight, double? maxNorm, double normType, bool scaleGradByFreq, EmbeddingBagMode mode, bool sparse, bool includeLastOffset, long paddingIndex)
        : base(nameof(EmbeddingBag))
    {
        _maxNorm = maxNorm;
        _normType = normType;
        _scaleGradByFreq = scaleGradByFreq;
        _mode = mode;
        _sparse = sparse;
        _includeLastOffset = includeLastOffset;
        _paddingIndex = paddingIndex;
        this.weight = weight;
    }

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

    public new Tensor call(Tensor input, Tensor? offsets, Tensor? perSampleWeights)
    {
        if (input.dtype is not (ScalarType.Int32 or ScalarType.Int64)) throw new ArgumentException("Embedding input must be an integral tensor.");
        if (offsets is not null && input.dtype != offsets.dtype) throw new ArgumentException("input and offsets must have the same element type.");
        if (input.Dimensions == 1 && offsets is null) throw new ArgumentException("'offsets' must be non-null for a 1-D input.");
        if (input.Dimensions == 2 && offsets is not null) throw new ArgumentException("'offsets' must be null for a 2-D input.");
        return base.call(input, offsets, perSampleWeights);
    }

    public Tensor call(Tensor input, Tensor offsets) => call(input, offsets, null);

    public Tensor call(Tensor input) => call(input, null, null);

    public override Tensor forward(Tensor input, Tensor? offsets, Tensor? perSampleWeights)
    {
        using DisposeScope scope = NewDisposeScope();
        if (input.Dimensions == 2)
        {
            long bags = input.size(0), length = input.size(1);
            offsets = s_arange.Call(0L, bags * length, Math.Max(length, 1), input.dtype, Value.None, input.device);
            input = s_reshape.Call(input, new[] { -1L });
            if (perSampleWeights is not null) perSampleWeights = s_reshape.Call(perSampleWeights, new[] { -1L });
        }
        if (_maxNorm is { } norm)
        {
            using IDisposable noGrad = no_grad();
            s_renorm.CallInto(_weight!, _weight!, input, norm, _normType);
        }
        var (result, _, _, _) = s_embeddingBag.Call4(_weight!, input, offsets, _scaleGradByFreq, (long)_mode, _sparse, perSampleWeights, _includeLastOffset,
            _paddingIndex >= 0 ? _paddingIndex : Value.None);
        return result.MoveToOuterDisposeScope();
    }
}
