using System.Text;

namespace PreTrain.Tokenization;

/// <summary>The faults of training options, collected so that they are reported together.</summary>
internal sealed class TrainingFaults
{
    private readonly List<string> _faults = [];

    public void Add(string fault) => _faults.Add(fault);

    public void CheckMinFrequency(long value)
    {
        if (value < 0)
            Add($"MinFrequency ({value}) must not be negative; use 0 for whatever occurs.");
    }

    public void CheckThreads(int value)
    {
        if (value < 0)
            Add($"Threads ({value}) must not be negative; use 0 for all processors.");
    }

    public void CheckMemoryLimit(long value)
    {
        if (value is not 0 and < 1 << 20)
            Add($"MemoryLimitBytes ({value}) must be at least {1 << 20}; use 0 for no limit.");
    }

    public void CheckSpecialTokens(IReadOnlyList<string>? tokens, string? unknown)
    {
        if (tokens is null)
        {
            Add("SpecialTokens must not be null; use an empty list for none.");
            return;
        }

        if (tokens.Any(string.IsNullOrEmpty))
            Add("SpecialTokens must not hold an empty token; remove it.");
        foreach (string token in tokens.Where(token => !string.IsNullOrEmpty(token)).GroupBy(token => token).Where(g => g.Count() > 1).Select(g => g.Key))
            Add($"SpecialTokens holds '{token}' more than once; remove one of them.");
        if (unknown is not null && !tokens.Contains(unknown))
            Add($"UnknownToken ('{unknown}') must be one of SpecialTokens; add it there.");
    }

    public void CheckAlphabet(IReadOnlyList<string>? initial, int? limit)
    {
        if (limit < 1)
            Add($"AlphabetLimit ({limit}) must be at least 1; use null for no limit.");
        if (initial is null)
        {
            Add("InitialAlphabet must not be null; use an empty list for none.");
            return;
        }

        foreach (string? character in initial)
        {
            if (character is null || Rune.DecodeFromUtf16(character, out _, out int length) != System.Buffers.OperationStatus.Done || length != character.Length)
                Add($"InitialAlphabet holds '{character}', which must be one character.");
        }
    }

    public void CheckVocabSize(int value, int specialTokens)
    {
        if (value <= specialTokens)
            Add($"VocabSize ({value}) must be more than {specialTokens}, the number of special tokens.");
    }

    /// <summary>Throws if there are any.</summary>
    public void Throw()
    {
        if (_faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, _faults));
    }
}
