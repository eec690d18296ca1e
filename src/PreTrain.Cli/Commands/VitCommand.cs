using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data.Images;
using PreTrain.Models;
using PreTrain.Models.Vit;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain vit</c>: pre-trains a Vision Transformer on the images of a folder.</summary>
internal sealed class VitCommand
{
    private const string Masked = "mae", Contrast = "moco";

    private static readonly ImageOptions s_images = new(), s_views = new MomentumContrastOptions().Images;

    private readonly Option<string?> _data = Options.Text("--data", "DIR", "A folder of images, with those below it: PNG of 8 bits, not interlaced, and binary PGM and PPM.", required: true);
    private readonly RunChoice _run = new("The folder of the run: checkpoints, metrics.jsonl, and the model.", "Images");
    private readonly ReportChoice _reports = new();
    private readonly Option<string?> _preset = Options.Word("--preset", $"The size of the model, which the options after it change. The default is {PresetOf(Masked)}, with --objective {Contrast} {PresetOf(Contrast)}.", [.. VitPresets.All.Keys]);
    private readonly Option<string?> _objective = Options.Word("--objective", $"What is learned: {Masked}, the pixels of hidden patches; {Contrast}, to know an image again in another view. The default is {Masked}.", [Masked, Contrast]);
    private readonly Option<int?> _imageSize = Options.Positive("--image-size", "Height and width of an image, in pixels, a multiple of --patch-size.");
    private readonly Option<int?> _patchSize = Options.Positive("--patch-size", "Height and width of a patch, in pixels.");
    private readonly Option<int?> _layers = Options.Positive("--layers", "Blocks of the encoder.");
    private readonly Option<int?> _heads = Options.Positive("--heads", "Attention heads of a block.");
    private readonly Option<int?> _embedding = Options.Positive("--embedding", "Width of the residual stream, a multiple of --heads and of 4.");
    private readonly Option<int?> _decoderLayers = Options.Positive("--decoder-layers", "Blocks of the decoder.");
    private readonly Option<int?> _decoderHeads = Options.Positive("--decoder-heads", "Attention heads of its blocks.");
    private readonly Option<int?> _decoderEmbedding = Options.Positive("--decoder-embedding", "Width of its residual stream, a multiple of --decoder-heads and of 4.");
    private readonly Option<double?> _maskRate = Share("--mask-rate", $"The share of the patches that is hidden. The default is 0.75.", share => share is > 0 and < 1, "must be a number between 0 and 1");
    private readonly Option<double?> _minCropArea = Share("--min-crop-area", $"The least share of an image that is cut out in training; 1 leaves the square in the middle. The default is {s_images.MinCropArea}, with --objective {Contrast} {s_views.MinCropArea}.",
        share => share is > 0 and <= 1, "must be a number above 0 and at most 1");
    private readonly Option<double?> _flip = Share("--flip", $"The probability with which an image is mirrored in training. The default is {s_images.FlipProbability}.", share => share is >= 0 and <= 1, "must be a number from 0 to 1");
    private readonly Option<double?> _brightness = Share("--brightness", $"How much brighter or darker an image may become in training. The default is {s_images.Brightness}, with --objective {Contrast} {s_views.Brightness}.", share => share is >= 0 and <= 1, "must be a number from 0 to 1");
    private readonly Option<double?> _contrast = Share("--contrast", $"How much its contrast may change. The default is {s_images.Contrast}, with --objective {Contrast} {s_views.Contrast}.", share => share is >= 0 and <= 1, "must be a number from 0 to 1");
    private readonly ContrastChoice _contrasting = new();
    private readonly Option<double?> _validationFraction = Share("--validation-fraction", $"The share of the images that is held out. The default is {s_images.ValidationFraction}.", share => share is >= 0 and < 1,
        "must be a number from 0 to below 1");

    /// <summary>Adds the command.</summary>
    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new VitCommand();
        var command = new Command("vit", "Pre-trains a Vision Transformer on a folder of images, and saves a Hugging Face folder.")
        {
            options._data, options._run.Output, options._objective, options._preset, options._imageSize, options._patchSize, options._layers, options._heads, options._embedding,
            options._decoderLayers, options._decoderHeads, options._decoderEmbedding, options._maskRate, options._minCropArea, options._flip, options._brightness, options._contrast,
            options._validationFraction,
        };
        foreach (Option option in options._contrasting.All.Concat(options._run.All).Concat(options._reports.WithoutText)) command.Options.Add(option);
        add(root, command, options.Run);
    }

    private static Option<double?> Share(string name, FormattableString description, Func<double, bool> rule, string words) => Options.Number(name, FormattableString.Invariant(description), rule, words);

    private static string PresetOf(string objective) => objective == Masked ? "mae-base" : "vit-base";

    private string ObjectiveOf(ParseResult parsed) => parsed.GetValue(_objective) ?? Masked;

    /// <summary>The options that --objective mae alone takes.</summary>
    private Option[] OfMasked => [_decoderLayers, _decoderHeads, _decoderEmbedding, _maskRate];

    private void Run(ParseResult parsed, Session session)
    {
        bool masked = ObjectiveOf(parsed) == Masked;
        VitConfig config = Config(parsed, masked);
        ImageOptions images = Images(parsed, masked ? s_images : s_views);
        TrainingOptions training = _run.Training(parsed, session, config.EmbeddingDim);
        if (!masked && training.BatchSize < 2) throw new UsageException($"--batch ({training.BatchSize}) must be at least 2 with --objective {Contrast}, which compares images with each other.");
        JsonObject configuration = RunConfiguration.Describe(parsed, Effective(parsed, session, config, images, training));
        if (_run.Prints(parsed, session, configuration)) return;
        RunChoice.CheckFolder(training);
        torch.Device device = session.Start();
        RunChoice.Interruptible(session, () =>
        {
            ImageFolder folder = ImageFolder.Open(parsed.GetRequiredValue(_data)!);
            session.Log($"A vit of {config.LayerCount} layers × {config.EmbeddingDim}, {config.HeadCount} heads, {config.PatchCount} patches{(masked ? $", of which it sees {config.VisibleCount}" : "")}.");
            VitMomentumConfig momentum = _contrasting.Config(parsed);
            using RunReports reports = _reports.Create(parsed, null, masked ? VitCost.Masked(config) : VitCost.Contrast(config, momentum), configuration, ("", 0));
            RunChoice.Train(session, training, reports, options =>
            {
                using torch.Generator random = new RandomStreams(session.Seed).CreateGenerator("init");
                var trainer = new Trainer(options);
                if (masked)
                {
                    using VitModel model = new VitModel(config, ModelHead.MaskedAutoencoder, random).to(device);
                    return trainer.Run(model, new MaskedAutoencoding(folder, images), session.Cancellation);
                }
                using VitMomentumPair pair = new VitMomentumPair(config, momentum, random).to(device);
                return trainer.Run(pair, new MomentumContrast(folder, _contrasting.Comparison(parsed) with { Images = images }), session.Cancellation);
            });
        });
    }

    /// <summary>The preset with the options that change it.</summary>
    private VitConfig Config(ParseResult parsed, bool masked)
    {
        VitConfig preset = VitPresets.All[parsed.GetValue(_preset) ?? PresetOf(ObjectiveOf(parsed))];
        VitConfig config = preset with
        {
            ImageSize = parsed.GetValue(_imageSize) ?? preset.ImageSize,
            PatchSize = parsed.GetValue(_patchSize) ?? preset.PatchSize,
            LayerCount = parsed.GetValue(_layers) ?? preset.LayerCount,
            HeadCount = parsed.GetValue(_heads) ?? preset.HeadCount,
            EmbeddingDim = parsed.GetValue(_embedding) ?? preset.EmbeddingDim,
            DecoderLayerCount = parsed.GetValue(_decoderLayers) ?? preset.DecoderLayerCount,
            DecoderHeadCount = parsed.GetValue(_decoderHeads) ?? preset.DecoderHeadCount,
            DecoderEmbeddingDim = parsed.GetValue(_decoderEmbedding) ?? preset.DecoderEmbeddingDim,
            MaskRatio = parsed.GetValue(_maskRate) ?? preset.MaskRatio,
        };
        var faults = new List<string>();
        foreach (Option option in masked ? _contrasting.All : OfMasked)
            if (parsed.GetResult(option) is { Implicit: false }) faults.Add($"{option.Name} belongs to --objective {(masked ? Contrast : Masked)}, and the objective is {ObjectiveOf(parsed)}.");
        Divisible("--image-size", config.ImageSize, "--patch-size", config.PatchSize);
        Divisible("--embedding", config.EmbeddingDim, "--heads", config.HeadCount);
        Quarters("--embedding", config.EmbeddingDim);
        if (masked)
        {
            Divisible("--decoder-embedding", config.DecoderEmbeddingDim, "--decoder-heads", config.DecoderHeadCount);
            Quarters("--decoder-embedding", config.DecoderEmbeddingDim);
            if (faults.Count == 0 && (config.VisibleCount == 0 || config.VisibleCount == config.PatchCount))
                faults.Add(FormattableString.Invariant($"--mask-rate ({config.MaskRatio}) must leave some of the {config.PatchCount} patches of an image and hide some."));
        }
        if (faults.Count > 0) throw new UsageException(string.Join(Environment.NewLine, faults));
        return config;

        void Divisible(string name, int value, string by, int divisor)
        {
            if (value % divisor != 0) faults.Add($"{name} ({value}) must be divisible by {by} ({divisor}).");
        }

        void Quarters(string name, int width)
        {
            if (width % 4 != 0) faults.Add($"{name} ({width}) must be divisible by 4, for positions of rows and columns.");
        }
    }

    private ImageOptions Images(ParseResult parsed, ImageOptions usual) => usual with
    {
        MinCropArea = parsed.GetValue(_minCropArea) ?? usual.MinCropArea,
        FlipProbability = parsed.GetValue(_flip) ?? usual.FlipProbability,
        Brightness = parsed.GetValue(_brightness) ?? usual.Brightness,
        Contrast = parsed.GetValue(_contrast) ?? usual.Contrast,
        ValidationFraction = parsed.GetValue(_validationFraction) ?? usual.ValidationFraction,
    };

    /// <summary>The values of all options that are not what was given; those of the other objective have none.</summary>
    private IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, Session session, VitConfig config, ImageOptions images, TrainingOptions training)
    {
        string objective = ObjectiveOf(parsed);
        bool masked = objective == Masked;
        return
        [
            (_preset, parsed.GetValue(_preset) ?? PresetOf(objective)), (_objective, objective), (_imageSize, config.ImageSize), (_patchSize, config.PatchSize), (_layers, config.LayerCount),
            (_heads, config.HeadCount), (_embedding, config.EmbeddingDim), (_decoderLayers, masked ? config.DecoderLayerCount : null), (_decoderHeads, masked ? config.DecoderHeadCount : null),
            (_decoderEmbedding, masked ? config.DecoderEmbeddingDim : null), (_maskRate, masked ? config.MaskRatio : null), (_minCropArea, images.MinCropArea), (_flip, images.FlipProbability),
            (_brightness, images.Brightness), (_contrast, images.Contrast), (_validationFraction, images.ValidationFraction),
            .. masked ? [] : _contrasting.Effective(parsed), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
        ];
    }
}
