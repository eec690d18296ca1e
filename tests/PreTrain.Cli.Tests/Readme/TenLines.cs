using PreTrain.Data;
using PreTrain.Generation;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Readme;

/// <summary>The code of README.md, character for character but for its indentation and the number of steps.</summary>
internal static class TenLines
{
    public static TrainingResult Run()
    {
#pragma warning disable format // columns, as in the README
#pragma warning disable IDE0007, CA2000
        // begin
        var corpus    = TextCorpus.FromFiles("docs/**/*.txt");
        var tokenizer = ByteLevelBpeTokenizer.Train(corpus, new() { VocabSize = 8192 });
        var tokens    = TokenStore.Build(corpus, tokenizer, "runs/docs/tokens");
        var model     = new GptModel(GptPresets.Nano with { VocabSize = tokenizer.VocabSize, ContextLength = 256 });
        var trainer   = new Trainer(new TrainingOptions
        {
            Output = "runs/docs", Steps = 2, Precision = Precision.BFloat16, Tokenizer = tokenizer,
        });
        var result    = trainer.Run(model, new CausalLanguageModeling(tokens));
        Console.WriteLine(model.Generate(tokenizer, "Returns the", new() { MaxNewTokens = 64, Temperature = 0.8 }));
        // end
#pragma warning restore format
        tokens.Dispose();
        model.Dispose();
        return result;
    }
}
