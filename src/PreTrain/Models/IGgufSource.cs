namespace PreTrain.Models;

/// <summary>A model that llama.cpp computes too.</summary>
internal interface IGgufSource
{
    /// <summary>What a GGUF file of it holds.</summary>
    /// <exception cref="ArgumentException">llama.cpp does not compute this architecture; the message names the property, its value and the rule.</exception>
    GgufContent ToGguf();
}
