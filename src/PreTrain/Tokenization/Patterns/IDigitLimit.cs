namespace PreTrain.Tokenization.Patterns;

/// <summary>How many digits of a number are one piece at most.</summary>
internal interface IDigitLimit
{
    static abstract int Most { get; }
}
