using TorchSharp.Interop;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A table of vectors, of which bags are looked up and reduced: the rows of a matrix of indices, or the parts of a list that begin at offsets.</summary>
public sealed class EmbeddingBag : nn.Module<Tensor, Tensor?, Tensor?, Tensor>, nn.IModule<Tensor, Tensor>, nn.IModule<Tensor, Tensor, Tensor>
{
    private static readonly Operator s_embeddingBag = new("embedding_bag", "padding_idx"), s_renorm = new("embedding_renorm_");
    private static readonly Operator s_reshape = new("reshape"), s_arange = new("arange", "start_step"), s_zeros = new("zeros");
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

    public new Tensor call(Tensor input, Tensor? offsets, Tensor? perSampleWeights) => base.call(input, offsets, perSampleWeights);

    public Tensor call(Tensor input, Tensor offsets) => call(input, offsets, null);

    public Tensor call(Tensor input) => call(input, null, null);

    public override Tensor forward(Tensor input, Tensor? offsets, Tensor? perSampleWeights)
    {
        if (input.dtype is not (ScalarType.Int32 or ScalarType.Int64)) throw new ArgumentException("Embedding input must be an integral tensor.");
        if (offsets is not null && input.dtype != offsets.dtype) throw new ArgumentException("input and offsets must have the same element type.");
        if (input.Dimensions == 1 && offsets is null) throw new ArgumentException("'offsets' must be non-null for a 1-D input.");
        if (input.Dimensions == 2 && offsets is not null) throw new ArgumentException("'offsets' must be null for a 2-D input.");
        if (input.Dimensions is not (1 or 2)) throw new ArgumentException($"The input must have 1 or 2 axes; it has {input.Dimensions}.");
        using DisposeScope scope = NewDisposeScope();
        if (input.Dimensions == 2)
        {
            long bags = input.size(0), length = input.size(1);
            offsets = length == 0
                ? s_zeros.Call(new[] { bags }, input.dtype, Value.None, input.device)
                : s_arange.Call(0L, bags * length, length, input.dtype, Value.None, input.device);
            input = s_reshape.Call(input, new[] { -1L });
            if (perSampleWeights is not null) perSampleWeights = s_reshape.Call(perSampleWeights, new[] { -1L });
        }
        // libtorch's maximum would write into a bag that is not there.
        if (_mode == EmbeddingBagMode.Max && input.NumberOfElements > 0 && offsets!.NumberOfElements <= (_includeLastOffset ? 1 : 0))
            throw new ArgumentException($"The offsets begin no bag for the {input.NumberOfElements} indices.");
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
