namespace PreTrain.Data;

/// <summary>A marked part of an <see cref="SdkText"/>.</summary>
/// <param name="Start">The position of its first character.</param>
/// <param name="Length">Its length in characters.</param>
/// <param name="Kind">What it stands for.</param>
/// <param name="Target">What it refers to: the documentation id of a reference (<c>T:System.String</c>), else the same as the marked text.</param>
public readonly record struct SdkSpan(int Start, int Length, SdkSpanKind Kind, string Target);
