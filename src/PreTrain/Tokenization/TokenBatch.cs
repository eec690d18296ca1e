using System.Buffers;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization;

/// <summary>
/// Encoded texts of one length, row after row, in arrays that are rented: <c>torch.tensor(batch.Ids, [batch.RowCount, batch.Length])</c> makes a tensor of
/// them. Dispose it when the tensors are made.
/// </summary>
public sealed class TokenBatch : IDisposable
{
    private readonly long[][] _arrays;   // ids, attention mask, types, special tokens
    private readonly int _size;
    private bool _isDisposed;

    internal TokenBatch(IReadOnlyList<(EncodingDraft Draft, int Text)> rows, int length, long fillerId, long fillerType, TextSide side)
    {
        RowCount = rows.Count;
        Length = length;
        _size = checked(RowCount * length);
        _arrays = [.. Enumerable.Range(0, 4).Select(_ => ArrayPool<long>.Shared.Rent(_size))];
        RowTexts = [.. rows.Select(row => row.Text)];
        for (int row = 0; row < RowCount; row++)
        {
            EncodingDraft draft = rows[row].Draft;
            int before = side == TextSide.Left ? length - draft.Count : 0;
            for (int i = 0; i < draft.Count; i++)
            {
                int at = row * length + before + i;
                _arrays[0][at] = draft.Ids[i];
                _arrays[1][at] = 1;
                _arrays[2][at] = draft.TypeIds[i];
                _arrays[3][at] = draft.Specials[i] ? 1 : 0;
            }

            int filled = row * length + (before > 0 ? 0 : draft.Count);
            Span<long> filler = [fillerId, 0, fillerType, 1];
            for (int array = 0; array < 4; array++)
                _arrays[array].AsSpan(filled, length - draft.Count).Fill(filler[array]);
        }
    }

    /// <summary>The number of rows.</summary>
    public int RowCount { get; }

    /// <summary>The number of tokens in a row, those that fill it up included.</summary>
    public int Length { get; }

    /// <summary>For each row the index of its text: with windows a text has several rows.</summary>
    public IReadOnlyList<int> RowTexts { get; }

    /// <summary>The ids.</summary>
    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    public Memory<long> Ids => Of(0);

    /// <summary>1 for tokens, 0 for what fills up.</summary>
    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    public Memory<long> AttentionMask => Of(1);

    /// <summary>The type of each token.</summary>
    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    public Memory<long> TypeIds => Of(2);

    /// <summary>1 for special tokens around the texts and for what fills up.</summary>
    /// <exception cref="ObjectDisposedException">The batch is disposed.</exception>
    public Memory<long> SpecialTokensMask => Of(3);

    /// <summary>Gives the arrays back.</summary>
    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        foreach (long[] array in _arrays)
            ArrayPool<long>.Shared.Return(array);
    }

    private Memory<long> Of(int array)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _arrays[array].AsMemory(0, _size);
    }
}
