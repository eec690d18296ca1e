// R rows: sequences that are written side by side; T tokens, V vocabulary
using PreTrain.Models;
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Generation;

/// <summary>Sequences that a model writes side by side: the tokens of each, and the cache of what the model has read of them.</summary>
internal sealed class WritingRows : IDisposable
{
    private readonly ITokenPredictor _model;
    private readonly KeyValueCache _cache;
    private readonly List<int>[] _tokens;
    private readonly int[] _starts;      // of each row the tokens that are not new
    private readonly int[] _from;        // of each row the first token that the cache holds
    private readonly bool[] _finished;
    private readonly int _room;
    private readonly int? _begin;        // the token that begins a text and stays before it when the context is full
    private readonly bool _rereads;
    private bool _isRead;                // whether the cache holds all tokens but the last one of each row

    private WritingRows(ITokenPredictor model, KeyValueCache cache, IEnumerable<IReadOnlyList<int>> starts, int room, int limit, bool rereads, int? begin = null)
    {
        (_model, _cache, _room, _rereads, _begin, Limit) = (model, cache, room, rereads, begin, limit);
        _tokens = [.. starts.Select(start => new List<int>(start))];
        _starts = [.. _tokens.Select(tokens => tokens.Count)];
        _from = new int[_tokens.Length];
        _finished = new bool[_tokens.Length];
        for (int row = 0; row < _from.Length; row++)
        {
            if (_starts[row] > room) Shorten(row, room);   // a prompt longer than the context keeps its end
        }
    }

    /// <summary>The rows.</summary>
    internal int Count => _tokens.Length;

    /// <summary>The most tokens that a row can get.</summary>
    internal int Limit { get; }

    /// <summary>Whether no row goes on.</summary>
    internal bool AllFinished => _finished.All(finished => finished);

    internal int VocabSize => _model.VocabSize;

    /// <summary>Rows that go on from prompts.</summary>
    /// <param name="model">The model.</param>
    /// <param name="prompts">The tokens of each.</param>
    /// <param name="maxNewTokens">The most tokens that a row can get.</param>
    /// <param name="begin">The token that begins a text, if any.</param>
    internal static WritingRows Continue(ICausalLanguageModel model, IReadOnlyList<IReadOnlyList<int>> prompts, int maxNewTokens, int? begin)
    {
        int room = (int)Math.Min(model.ContextLength, (long)prompts.Max(prompt => prompt.Count) + maxNewTokens);
        return new(model, model.CreateCache(prompts.Count, room), prompts, room, maxNewTokens, rereads: true, begin);
    }

    /// <summary>Rows that answer sources. They end with the model's context, since what is read again would begin in the middle of an answer.</summary>
    internal static WritingRows Answer(ISequenceToSequenceModel model, IReadOnlyList<IReadOnlyList<int>> sources, int maxNewTokens)
    {
        int room = (int)Math.Min(model.ContextLength, 1L + maxNewTokens), width = sources.Max(source => source.Count);
        long[] ids = new long[sources.Count * width], mask = new long[ids.Length];
        Array.Fill(ids, model.PaddingId ?? 0);
        for (int row = 0; row < sources.Count; row++)
        {
            for (int t = 0; t < sources[row].Count; t++) (ids[row * width + t], mask[row * width + t]) = (sources[row][t], 1);
        }
        Device device = ((ITokenPredictor)model).Device;
        KeyValueCache cache = Quietly(model, () =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor given = tensor(ids, [sources.Count, width], device: device);
            Tensor? seen = mask.Contains(0) ? tensor(mask, [sources.Count, width], device: device) : null;
            return model.Read(new ModelInput { Ids = given, AttentionMask = seen }, room);
        });
        return new(model, cache, Enumerable.Repeat<int[]>([model.DecoderStartId], sources.Count), room, Math.Min(maxNewTokens, room), rereads: false);
    }

    /// <summary>The tokens of a row, those that it began with first.</summary>
    internal List<int> Tokens(int row) => _tokens[row];

    /// <summary>The new tokens of a row.</summary>
    internal int[] Written(int row) => [.. _tokens[row].Skip(_starts[row])];

    /// <summary>How many new tokens a row has.</summary>
    internal int WrittenCount(int row) => _tokens[row].Count - _starts[row];

    internal bool IsFinished(int row) => _finished[row];

    /// <summary>Nothing more is added to a row.</summary>
    internal void Finish(int row) => _finished[row] = true;

    /// <summary>Adds a token to a row. Every row that goes on gets one between two calls of <see cref="Next"/>.</summary>
    internal void Append(int row, int token) => _tokens[row].Add(token);

    /// <summary>Puts a copy of another row in the place of each.</summary>
    internal void Reorder(int[] origins)
    {
        if (origins.Select((origin, row) => origin == row).All(same => same)) return;
        List<int>[] tokens = [.. origins.Select(origin => new List<int>(_tokens[origin]))];
        int[] starts = [.. origins.Select(origin => _starts[origin])], from = [.. origins.Select(origin => _from[origin])];
        tokens.CopyTo(_tokens, 0);
        starts.CopyTo(_starts, 0);
        from.CopyTo(_from, 0);
        using IDisposable mode = inference_mode();
        using Tensor order = tensor(Array.ConvertAll(origins, origin => (long)origin), device: _model.Device);
        _cache.Reorder(order);
    }

    /// <summary>The logits of the token behind each row, (R·V). Those of finished rows say nothing.</summary>
    internal float[] Next()
    {
        bool whole = !_isRead || _cache.Length + 1 > _room;
        if (whole && _isRead)
        {
            // Positions are absolute, so a row that has filled the context is read again from its second half on.
            for (int row = 0; row < Count; row++)
            {
                if (WindowLength(row) > _room) Shorten(row, Math.Max(1, _room / 2));
            }
        }
        int width = whole ? Enumerable.Range(0, Count).Max(WindowLength) : 1;
        long[] ids = new long[Count * width];
        for (int row = 0; row < Count; row++)
        {
            int length = WindowLength(row);
            for (int t = 1; t <= length && t <= width; t++) ids[(row + 1) * width - t] = t == length && KeepsBegin(row) ? _tokens[row][0] : _tokens[row][^t];
        }
        if (whole && _rereads)
        {
            _cache.Clear();
            int[] empty = [.. Enumerable.Range(0, Count).Select(row => width - WindowLength(row))];
            if (empty.Any(places => places > 0)) _cache.LeaveEmpty(empty);
        }
        _isRead = true;
        return Quietly(_model, () =>
        {
            using DisposeScope scope = NewDisposeScope();
            return _model.NextLogits(tensor(ids, [Count, width], device: _model.Device), _cache).cpu().data<float>().ToArray();
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _cache.Dispose();

    /// <summary>Leaves so many of a row's tokens to be read: its last ones, behind the token that begins a text.</summary>
    private void Shorten(int row, int length)
    {
        _from[row] = _tokens[row].Count - length;
        if (KeepsBegin(row) && length > 1) _from[row]++;
    }

    /// <summary>Whether a row whose beginning is no longer read still begins with the token that begins a text.</summary>
    private bool KeepsBegin(int row) => _room > 2 && !_finished[row] && _from[row] > 0 && _tokens[row][0] == _begin;

    /// <summary>The tokens of a row that are read together; of a finished one a single token, which nobody looks at.</summary>
    private int WindowLength(int row) => _finished[row] ? 1 : _tokens[row].Count - _from[row] + (KeepsBegin(row) ? 1 : 0);

    /// <summary>Without gradients and dropout.</summary>
    private static T Quietly<T>(ITokenPredictor model, Func<T> compute)
    {
        var module = model as nn.Module;
        bool wasTraining = module?.training ?? false;
        if (wasTraining) module!.eval();
        try
        {
            using IDisposable mode = inference_mode();
            return compute();
        }
        finally
        {
            if (wasTraining) module!.train();
        }
    }
}
