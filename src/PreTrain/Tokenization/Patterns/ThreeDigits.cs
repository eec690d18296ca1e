namespace PreTrain.Tokenization.Patterns;

/// <summary>Three digits are a piece.</summary>
internal readonly struct ThreeDigits : IDigitLimit
{
    public static int Most => 3;
}
