using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Cuts pieces at matches.</summary>
internal static class Cutter
{
    /// <summary>Cuts at the characters that have one of the flags.</summary>
    public static void CutAtFlags(PieceList pieces, CharacterFlags flags, SplitBehavior behavior) =>
        CutAtCharacters(pieces, new HasFlags(flags), behavior);

    /// <summary>Cuts at a character.</summary>
    public static void CutAtCharacter(PieceList pieces, int codePoint, SplitBehavior behavior) =>
        CutAtCharacters(pieces, new IsCharacter(codePoint), behavior);

    /// <summary>Cuts at the matches of a pattern or, inverted, at what lies between them.</summary>
    public static void CutAtPattern(PieceList pieces, TextPattern pattern, SplitBehavior behavior, bool isInverted)
    {
        ReadOnlySpan<char> text = pieces.Text.Chars;
        foreach (Piece piece in pieces.Pieces)
        {
            var run = new Run(pieces, behavior);
            ReadOnlySpan<char> part = text[piece.Start..piece.End];
            int done = 0, last = -1;
            while (pattern.TryFind(part, done, last, out int start, out int end))
            {
                if (done < start)
                    run.Add(piece.Start + done, piece.Start + start, isInverted);
                run.Add(piece.Start + start, piece.Start + end, !isInverted);
                done = last = end;
            }

            if (done < part.Length)
                run.Add(piece.Start + done, piece.End, isInverted);
            run.Finish();
        }

        pieces.Commit();
    }

    private static void CutAtCharacters<TTest>(PieceList pieces, TTest test, SplitBehavior behavior) where TTest : struct, ICharacterTest
    {
        ReadOnlySpan<char> text = pieces.Text.Chars;
        foreach (Piece piece in pieces.Pieces)
        {
            var run = new Run(pieces, behavior);
            int done = piece.Start;
            for (int i = piece.Start, width; i < piece.End; i += width)
            {
                if (!test.IsMatch(Characters.At(text, i, out width)))
                    continue;
                if (done < i)
                    run.Add(done, i, false);
                run.Add(i, i + width, true);
                done = i + width;
            }

            if (done < piece.End)
                run.Add(done, piece.End, false);
            run.Finish();
        }

        pieces.Commit();
    }

    private interface ICharacterTest
    {
        bool IsMatch(int codePoint);
    }

    private readonly struct HasFlags(CharacterFlags flags) : ICharacterTest
    {
        public bool IsMatch(int codePoint) => Characters.Is(codePoint, flags);
    }

    private readonly struct IsCharacter(int wanted) : ICharacterTest
    {
        public bool IsMatch(int codePoint) => codePoint == wanted;
    }

    /// <summary>Takes the matches of one piece, and what lies between them, in their order, and adds what becomes of them.</summary>
    private struct Run(PieceList pieces, SplitBehavior behavior)
    {
        private int _start = -1;
        private int _end;
        private bool _wasMatch;

        public void Add(int start, int end, bool isMatch)
        {
            bool joins = behavior switch
            {
                SplitBehavior.MergedWithPrevious => isMatch && !_wasMatch,
                SplitBehavior.MergedWithNext => !isMatch && _wasMatch,
                SplitBehavior.Contiguous => isMatch == _wasMatch,
                _ => false,
            };
            if (_start >= 0 && joins)
            {
                _end = end;
            }
            else
            {
                Finish();
                if (!(isMatch && behavior == SplitBehavior.Removed))
                    (_start, _end) = (start, end);
            }

            _wasMatch = isMatch;
        }

        public void Finish()
        {
            if (_start >= 0)
                pieces.Add(_start, _end);
            _start = -1;
        }
    }
}
