namespace PreTrain.Tokenization.Pipeline;

/// <summary>An encoding at random.</summary>
internal sealed record Sampling(SubwordSamplingOptions Options, SampleStream Random);
