using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Patterns;

/// <summary>A regular expression as a list of instructions, and the machine that runs it. Safe for concurrent use.</summary>
internal sealed class RegexProgram
{
    [ThreadStatic]
    private static Frame[]? t_stack;

    private readonly List<Instruction> _code = [];

    public RegexProgram(RegexNode node)
    {
        Compile(node);
        _code.Add(new Instruction(Operation.Match));
    }

    private enum Operation
    {
        Set,
        SetLoop,      // a set many times, as often as can be; A least, B most
        Split,        // A first, then B
        Jump,         // to A
        Atomic,
        Look,
        Anchor,
        Match,
    }

    /// <summary>How many steps a search may take: far more than any sensible pattern needs.</summary>
    public static long Budget(int length) => 10_000_000 + 1000L * length;

    /// <summary>The end of the match that begins at <paramref name="start"/>, or −1.</summary>
    /// <exception cref="InvalidOperationException">The budget is spent.</exception>
    public int Match(ReadOnlySpan<char> text, int start, ref long budget)
    {
        // The machine of a look-around runs on the same stack, above that of the one around it.
        int end = Run(text, start, 0, ref budget);
        if (t_stack is { Length: > 1 << 20 })
            t_stack = null;
        return end;
    }

    private int Run(ReadOnlySpan<char> text, int start, int floor, ref long budget)
    {
        Frame[] stack = t_stack ??= new Frame[256];
        int top = floor, pc = 0, at = start;
        while (true)
        {
            if (--budget < 0)
                throw new InvalidOperationException("A pattern of the tokenizer takes too long on this text; it backtracks without end.");
            Instruction instruction = _code[pc];
            bool ok = true;
            switch (instruction.Operation)
            {
                case Operation.Match:
                    return at;
                case Operation.Set:
                    ok = at < text.Length && instruction.Characters!.Contains(Characters.At(text, at, out _));
                    if (ok)
                        at += char.IsHighSurrogate(text[at]) ? 2 : 1;
                    pc++;
                    break;
                case Operation.SetLoop:
                    int least = at, count = 0;
                    while (count < instruction.B && at < text.Length && instruction.Characters!.Contains(Characters.At(text, at, out int width)))
                    {
                        at += width;
                        if (++count == instruction.A)
                            least = at;
                    }

                    budget -= count >> 3;
                    ok = count >= instruction.A;
                    pc++;
                    if (ok && at > least)
                        Push(ref stack, ref top, new Frame(pc, at, least));
                    break;
                case Operation.Split:
                    Push(ref stack, ref top, new Frame(instruction.B, at, -1));
                    pc = instruction.A;
                    break;
                case Operation.Jump:
                    pc = instruction.A;
                    break;
                case Operation.Atomic:
                    at = instruction.Inner!.Run(text, at, top, ref budget);
                    stack = t_stack!;
                    ok = at >= 0;
                    pc++;
                    break;
                case Operation.Look:
                    ok = LooksRight(instruction, text, at, top, ref budget);
                    stack = t_stack!;
                    pc++;
                    break;
                case Operation.Anchor:
                    ok = Holds((char)instruction.A, text, at);
                    pc++;
                    break;
            }

            if (ok)
                continue;
            if (top == floor)
                return -1;
            ref Frame frame = ref stack[top - 1];
            pc = frame.Pc;
            if (frame.Least < 0)
            {
                at = frame.At;
                top--;
                continue;
            }

            // A loop gives one character back.
            at = frame.At - (char.IsLowSurrogate(text[frame.At - 1]) ? 2 : 1);
            if (at > frame.Least)
                frame = frame with { At = at };
            else
                top--;
        }
    }

    private static void Push(ref Frame[] stack, ref int top, Frame frame)
    {
        if (top == stack.Length)
        {
            Array.Resize(ref stack, 2 * top);
            t_stack = stack;
        }

        stack[top++] = frame;
    }

    private static bool LooksRight(in Instruction look, ReadOnlySpan<char> text, int at, int floor, ref long budget)
    {
        bool isThere = false;
        if (look.A < 0)
        {
            isThere = look.Inner!.Run(text, at, floor, ref budget) >= 0;
        }
        else
        {
            int from = at;
            for (int i = 0; i < look.A && from >= 0; i++)
                from = from == 0 ? -1 : from - (char.IsLowSurrogate(text[from - 1]) ? 2 : 1);
            isThere = from >= 0 && look.Inner!.Run(text[..at], from, floor, ref budget) == at;
        }

        return isThere != (look.B == 1);
    }

    private static bool Holds(char kind, ReadOnlySpan<char> text, int at)
    {
        switch (kind)
        {
            case '^':
                return at == 0 || (text[at - 1] == '\n' && at < text.Length);
            case '$':
                return at == text.Length || text[at] == '\n';
            case 'A':
                return at == 0;
            case 'z':
                return at == text.Length;
            case 'Z':
                return at == text.Length || (at == text.Length - 1 && text[at] == '\n');
            default:
                bool before = at > 0 && CodePointSet.WordEscape.Contains(Characters.Before(text, at, out _));
                bool after = at < text.Length && CodePointSet.WordEscape.Contains(Characters.At(text, at, out _));
                return before != after == (kind == 'b');
        }
    }

    private void Compile(RegexNode node)
    {
        if (_code.Count > 50_000)
            throw new FormatException("it is too large");
        switch (node)
        {
            case RegexNode.Set set:
                _code.Add(new Instruction(Operation.Set) { Characters = set.Characters });
                break;
            case RegexNode.Sequence sequence:
                foreach (RegexNode part in sequence.Parts)
                    Compile(part);
                break;
            case RegexNode.Alternatives alternatives:
                CompileAlternatives(alternatives.Choices);
                break;
            case RegexNode.Repeat { Part: RegexNode.Set set, IsLazy: false } loop:
                _code.Add(new Instruction(Operation.SetLoop, loop.Least, loop.Most) { Characters = set.Characters });
                break;
            case RegexNode.Repeat repeat:
                CompileRepeat(repeat);
                break;
            case RegexNode.Atomic atomic:
                _code.Add(new Instruction(Operation.Atomic) { Inner = new RegexProgram(atomic.Part) });
                break;
            case RegexNode.Look { IsBehind: false } look:
                _code.Add(new Instruction(Operation.Look, -1, look.IsNegative ? 1 : 0) { Inner = new RegexProgram(look.Part) });
                break;
            case RegexNode.Look look:
                CompileLookBehind(look);
                break;
            case RegexNode.Anchor anchor:
                _code.Add(new Instruction(Operation.Anchor, anchor.Kind));
                break;
        }
    }

    private void CompileAlternatives(IReadOnlyList<RegexNode> choices)
    {
        var jumps = new List<int>();
        for (int i = 0; i < choices.Count; i++)
        {
            int split = _code.Count;
            bool isLast = i == choices.Count - 1;
            if (!isLast)
                _code.Add(default);
            Compile(choices[i]);
            if (isLast)
                break;
            jumps.Add(_code.Count);
            _code.Add(default);
            _code[split] = new Instruction(Operation.Split, split + 1, _code.Count);
        }

        foreach (int jump in jumps)
            _code[jump] = new Instruction(Operation.Jump, _code.Count);
    }

    private void CompileRepeat(RegexNode.Repeat repeat)
    {
        for (int i = 0; i < repeat.Least; i++)
            Compile(repeat.Part);
        if (repeat.Most == int.MaxValue)
        {
            if (Lengths(repeat.Part).Least == 0)
                throw new FormatException("it repeats without end what may match nothing, which is not supported");
            int split = _code.Count;
            _code.Add(default);
            Compile(repeat.Part);
            _code.Add(new Instruction(Operation.Jump, split));
            _code[split] = Split(split + 1, _code.Count, repeat.IsLazy);
            return;
        }

        var splits = new List<int>();
        for (int i = repeat.Least; i < repeat.Most; i++)
        {
            splits.Add(_code.Count);
            _code.Add(default);
            Compile(repeat.Part);
        }

        foreach (int split in splits)
            _code[split] = Split(split + 1, _code.Count, repeat.IsLazy);
    }

    private static Instruction Split(int into, int past, bool isLazy) => isLazy ? new(Operation.Split, past, into) : new(Operation.Split, into, past);

    private void CompileLookBehind(RegexNode.Look look)
    {
        // Each alternative may have its own length; a negative one must hold for all.
        IReadOnlyList<RegexNode> choices = look.Part is RegexNode.Alternatives alternatives ? alternatives.Choices : [look.Part];
        var codes = new List<Instruction>();
        foreach (RegexNode choice in choices)
        {
            (int least, int most) = Lengths(choice);
            if (least != most)
                throw new FormatException("it looks behind for a text of no certain length, which is not supported");
            codes.Add(new Instruction(Operation.Look, least, look.IsNegative ? 1 : 0) { Inner = new RegexProgram(choice) });
        }

        if (look.IsNegative || codes.Count == 1)
        {
            _code.AddRange(codes);
            return;
        }

        var jumps = new List<int>();
        for (int i = 0; i < codes.Count - 1; i++)
        {
            _code.Add(new Instruction(Operation.Split, _code.Count + 1, _code.Count + 3));
            _code.Add(codes[i]);
            jumps.Add(_code.Count);
            _code.Add(default);
        }

        _code.Add(codes[^1]);
        foreach (int jump in jumps)
            _code[jump] = new Instruction(Operation.Jump, _code.Count);
    }

    /// <summary>The least and the greatest number of characters that a node matches.</summary>
    private static (int Least, int Most) Lengths(RegexNode node)
    {
        switch (node)
        {
            case RegexNode.Set:
                return (1, 1);
            case RegexNode.Sequence sequence:
                return sequence.Parts.Select(Lengths).Aggregate((0, 0), (a, b) => (Add(a.Item1, b.Least), Add(a.Item2, b.Most)));
            case RegexNode.Alternatives alternatives:
                return (alternatives.Choices.Min(choice => Lengths(choice).Least), alternatives.Choices.Max(choice => Lengths(choice).Most));
            case RegexNode.Repeat repeat:
                (int least, int most) = Lengths(repeat.Part);
                return (least * repeat.Least, repeat.Most == int.MaxValue ? (most == 0 ? 0 : int.MaxValue) : (int)Math.Min(int.MaxValue, (long)most * repeat.Most));
            case RegexNode.Atomic atomic:
                return Lengths(atomic.Part);
            default:
                return (0, 0);
        }

        static int Add(int a, int b) => (int)Math.Min(int.MaxValue, (long)a + b);
    }

    private readonly record struct Frame(int Pc, int At, int Least);

    private readonly record struct Instruction(Operation Operation, int A = 0, int B = 0)
    {
        public CodePointSet? Characters { get; init; }

        public RegexProgram? Inner { get; init; }
    }
}
