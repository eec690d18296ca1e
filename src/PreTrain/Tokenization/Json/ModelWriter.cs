using System.Text.Json;

namespace PreTrain.Tokenization.Json;

/// <summary>Writes the model of a <c>tokenizer.json</c>.</summary>
internal static class ModelWriter
{
    /// <summary>Writes a model.</summary>
    public static void Write(Utf8JsonWriter json, ITokenModel model)
    {
        json.WriteStartObject();
        switch (model)
        {
            case BpeModel bpe:
                WriteBpe(json, bpe);
                break;
            case WordPieceModel words:
                json.WriteString("type", "WordPiece");
                json.WriteString("unk_token", words.UnknownToken);
                json.WriteString("continuing_subword_prefix", words.ContinuingPrefix);
                json.WriteNumber("max_input_chars_per_word", words.MaxCharactersPerWord);
                WriteVocabulary(json, words.Vocabulary);
                break;
            case WordLevelModel words:
                json.WriteString("type", "WordLevel");
                WriteVocabulary(json, words.Vocabulary);
                json.WriteString("unk_token", words.UnknownToken);
                break;
            case UnigramModel unigram:
                WriteUnigram(json, unigram);
                break;
            default:
                throw new NotSupportedException($"A model of type {model.GetType().Name} has no form in tokenizer.json.");
        }

        json.WriteEndObject();
    }

    /// <summary>Writes the type of a model alone.</summary>
    public static void WriteType(Utf8JsonWriter json, ITokenModel model)
    {
        json.WriteStartObject();
        json.WriteString("type", model switch { BpeModel => "BPE", WordPieceModel => "WordPiece", WordLevelModel => "WordLevel", UnigramModel => "Unigram", _ => model.GetType().Name });
        json.WriteEndObject();
    }

    private static void WriteBpe(Utf8JsonWriter json, BpeModel model)
    {
        json.WriteString("type", "BPE");
        if (model.Settings.Dropout > 0)
            json.WriteNumber("dropout", model.Settings.Dropout);
        else
            json.WriteNull("dropout");
        json.WriteString("unk_token", model.Settings.UnknownToken);
        json.WriteString("continuing_subword_prefix", model.Settings.ContinuingPrefix);
        json.WriteString("end_of_word_suffix", model.Settings.EndOfWordSuffix);
        json.WriteBoolean("fuse_unk", model.Settings.FuseUnknown);
        json.WriteBoolean("byte_fallback", model.Settings.ByteFallback);
        json.WriteBoolean("ignore_merges", model.Settings.IgnoreMerges);
        WriteVocabulary(json, model.Vocabulary);
        json.WriteStartArray("merges");
        foreach (Merge merge in model.MergeList)
        {
            json.WriteStartArray();
            json.WriteStringValue(model.TokenOf(merge.Left));
            json.WriteStringValue(model.TokenOf(merge.Right));
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void WriteUnigram(Utf8JsonWriter json, UnigramModel model)
    {
        json.WriteString("type", "Unigram");
        if (model.UnknownId is { } unknown)
            json.WriteNumber("unk_id", unknown);
        else
            json.WriteNull("unk_id");
        json.WriteStartArray("vocab");
        foreach ((string token, double score) in model.Pieces)
        {
            json.WriteStartArray();
            json.WriteStringValue(token);
            json.WriteNumberValue(score);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteBoolean("byte_fallback", model.ByteFallback);
    }

    private static void WriteVocabulary(Utf8JsonWriter json, TokenVocabulary vocabulary)
    {
        json.WriteStartObject("vocab");
        foreach ((string token, int id) in vocabulary.InOrder)
            json.WriteNumber(token, id);
        json.WriteEndObject();
    }
}
