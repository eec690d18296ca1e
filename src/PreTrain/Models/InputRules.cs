using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>Checks what a model is given before libtorch does, which would not say where the fault is.</summary>
internal static class InputRules
{
    /// <summary>The ids of an input, after all checks.</summary>
    internal static Tensor Ids(ModelInput input, string modelType, int vocabSize, int contextLength, bool knowsTypes, bool knowsPrefixes = false)
    {
        if (input.Ids is not { } ids) throw new ArgumentException($"A {modelType} model needs the ids of tokens.", nameof(input));
        Unknown(input.PixelValues, nameof(ModelInput.PixelValues), modelType);
        Unknown(input.MaskNoise, nameof(ModelInput.MaskNoise), modelType);
        Unknown(input.DecoderIds, nameof(ModelInput.DecoderIds), modelType);
        Unknown(input.DecoderAttentionMask, nameof(ModelInput.DecoderAttentionMask), modelType);
        if (!knowsPrefixes) Unknown(input.PrefixLengths, nameof(ModelInput.PrefixLengths), modelType);
        if (!knowsTypes) Unknown(input.TokenTypeIds, nameof(ModelInput.TokenTypeIds), modelType);
        Tokens(ids, vocabSize, contextLength);
        return ids;
    }

    /// <summary>The source's and the decoder's ids of an input, after all checks.</summary>
    internal static (Tensor Ids, Tensor DecoderIds) Pair(ModelInput input, string modelType, int vocabSize, int decoderVocabSize, int contextLength)
    {
        Tensor? decoder = input.DecoderIds;
        Tensor ids = Ids(input with { DecoderIds = null, DecoderAttentionMask = null }, modelType, vocabSize, contextLength, knowsTypes: false);
        if (decoder is null)
            throw new ArgumentException($"A {modelType} model needs the decoder's tokens too, {nameof(ModelInput.DecoderIds)}; in training, Loss makes them from the targets.", nameof(input));
        Tokens(decoder, decoderVocabSize, contextLength, nameof(ModelInput.DecoderIds), "decoder's sequence");
        if (decoder.size(0) != ids.size(0))
            throw new ArgumentException($"There are {ids.size(0)} sources and {decoder.size(0)} sequences of the decoder; there must be as many.", nameof(input));
        return (ids, decoder);
    }

    /// <summary>What a cache remembers of a source, for the next tokens of its sequences.</summary>
    internal static SourceMemory Source(KeyValueCache cache, Tensor ids, string modelType, int vocabSize, int contextLength)
    {
        Tokens(ids, vocabSize, contextLength);
        if (cache.Source is not { } source) throw new ArgumentException($"The cache holds no source; Read of the {modelType} model makes one that does.", nameof(cache));
        if (source.Count != ids.size(0)) throw new ArgumentException($"The cache holds {source.Count} sources, and there are {ids.size(0)} sequences of ids.", nameof(ids));
        return source;
    }

    /// <summary>Requires an input that the model does not know to be absent.</summary>
    internal static void Unknown(object? given, string name, string modelType)
    {
        if (given is not null) throw new ArgumentException($"A {modelType} model takes no {name}.", nameof(given));
    }

    /// <summary>Requires (B, T) of tokens of the vocabulary, T at most the context.</summary>
    internal static void Tokens(Tensor ids, int vocabSize, int contextLength, string name = "ids", string sequence = "sequence")
    {
        if (ids.ndim != 2) throw new ArgumentException($"{name} must be (B, T), not ({string.Join(", ", ids.shape)}).", nameof(ids));
        if (ids.size(1) > contextLength)
            throw new ArgumentException($"The {sequence} has {ids.size(1)} tokens, more than the context length ({contextLength}). Shorten it, or cut it into windows.", nameof(ids));
        Range(ids, vocabSize, "token id", "the vocabulary");
    }

    /// <summary>The mask that an input's prefixes make; the model's own where there are none.</summary>
    internal static AttentionMask Mask(ModelInput input, PackedSequences sequences, AttentionMask own)
    {
        if (input.PrefixLengths is not { } prefixes) return own;
        if (prefixes.Count != sequences.Count)
            throw new ArgumentException($"{nameof(ModelInput.PrefixLengths)} has {prefixes.Count} lengths for {sequences.Count} sequences.", nameof(input));
        for (int b = 0; b < prefixes.Count; b++)
        {
            if (prefixes[b] < 0 || prefixes[b] > sequences.Lengths[b])
                throw new ArgumentException($"The prefix of sequence {b} ({prefixes[b]}) must be from 0 to its {sequences.Lengths[b]} tokens.", nameof(input));
        }
        return AttentionMask.Prefix(prefixes);
    }

    /// <summary>Requires segments, one for each token.</summary>
    internal static Tensor Types(Tensor types, Tensor ids, int typeCount)
    {
        if (!types.shape.SequenceEqual(ids.shape))
            throw new ArgumentException($"The token types ({string.Join(", ", types.shape)}) must have the shape of the ids ({string.Join(", ", ids.shape)}).", nameof(types));
        Range(types, typeCount, "token type", "the segments");
        return types;
    }

    private static void Range(Tensor ids, int count, string what, string whole)
    {
        if (ids.dtype != ScalarType.Int64) throw new ArgumentException($"Each {what} must be a 64-bit integer, not {ids.dtype}.", nameof(ids));
        if (ids.device_type != DeviceType.CPU) return;   // reading them would wait for the device
        long columns = ids.size(1);
        using Tensor whole_ = ids.contiguous();
        long i = 0;
        foreach (long id in whole_.data<long>())
        {
            if ((ulong)id >= (ulong)count)
                throw new ArgumentException($"The {what} {id} at row {i / columns}, column {i % columns} is outside {whole} (0 to {count - 1}).", nameof(ids));
            i++;
        }
    }
}
