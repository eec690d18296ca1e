namespace PreTrain.Cli.Commands;

/// <summary>What can be trained beside a model.</summary>
internal enum AdapterWay
{
    /// <summary>Low-rank updates.</summary>
    Lora,

    /// <summary>Low-rank updates of directions, with lengths of their own.</summary>
    Dora,

    /// <summary>Factors of weights by low rank.</summary>
    Hira,

    /// <summary>Factors of activations.</summary>
    Ia3,

    /// <summary>Small layers behind the sub-layers.</summary>
    Bottleneck,

    /// <summary>Keys and values before those of every text.</summary>
    Prefix,

    /// <summary>Virtual tokens before every text.</summary>
    Prompt,

    /// <summary>The biases.</summary>
    Bias,
}
