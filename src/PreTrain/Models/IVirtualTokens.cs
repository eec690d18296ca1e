using PreTrain.Modules;

namespace PreTrain.Models;

/// <summary>A model before whose sequences there can be virtual tokens that are trained: as embeddings, or as keys and values of every block.</summary>
internal interface IVirtualTokens
{
    /// <summary>Embeddings of virtual tokens; null for none.</summary>
    SoftPrompt? Prompt { get; set; }

    /// <summary>The blocks in order.</summary>
    IReadOnlyList<IPrefixedBlock> PrefixedBlocks { get; }

    /// <summary>The embeddings of tokens, (V, C).</summary>
    TorchSharp.Modules.Parameter TokenTable { get; }

    /// <summary>The heads of keys and values, G.</summary>
    int KeyValueHeadCount { get; }

    /// <summary>The width of one, D.</summary>
    int KeyValueHeadDim { get; }

    /// <summary>Whether attention is limited to a window, out of which virtual tokens would fall.</summary>
    bool HasWindow { get; }
}
