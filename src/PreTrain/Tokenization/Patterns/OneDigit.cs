namespace PreTrain.Tokenization.Patterns;

/// <summary>Each digit is a piece.</summary>
internal readonly struct OneDigit : IDigitLimit
{
    public static int Most => 1;
}
