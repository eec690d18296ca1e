namespace PreTrain.Modules;

/// <summary>How rotary frequencies are stretched so that a model reads contexts longer than it was trained on.</summary>
/// <param name="Factor">By how much: the longer context over the original one.</param>
/// <param name="Kind">Which frequencies are stretched.</param>
/// <param name="LowFrequencyFactor">Of <see cref="RotaryScalingKind.Llama3"/>: wavelengths above the original context over this are stretched whole.</param>
/// <param name="HighFrequencyFactor">Of <see cref="RotaryScalingKind.Llama3"/>: those below the original context over this are not.</param>
/// <param name="OriginalContextLength">Of <see cref="RotaryScalingKind.Llama3"/>: the context of the original training, in tokens.</param>
public sealed record RotaryScaling(double Factor, RotaryScalingKind Kind = RotaryScalingKind.Linear, double LowFrequencyFactor = 1, double HighFrequencyFactor = 4, int OriginalContextLength = 8192);
