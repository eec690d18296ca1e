// O outputs, I inputs
namespace PreTrain.Modules.Quantized;

/// <summary>
/// Where the code of an output and an input lies. A panel holds 24 outputs, three vectors of what a processor multiplies at once; in it, for each four inputs, those of one output lie side by
/// side, then those of the next. With 4 bits, the high halves of the bytes are the next four inputs. Outputs and inputs are filled up with zeros.
/// </summary>
internal readonly record struct PanelLayout(long Outputs, long Inputs, int Bits)
{
    /// <summary>Outputs of a panel.</summary>
    internal const int Width = 24;

    /// <summary>Inputs of a panel's row of bytes.</summary>
    internal int Step => Bits == 8 ? 4 : 8;

    internal long Panels => (Outputs + Width - 1) / Width;

    /// <summary>I, filled up.</summary>
    internal long PaddedInputs => (Inputs + Step - 1) / Step * Step;

    internal long PanelBytes => PaddedInputs / Step * Width * 4;

    internal long Bytes => Panels * PanelBytes;

    /// <summary>The byte of a code.</summary>
    internal long ByteOf(long output, long input) => output / Width * PanelBytes + input / Step * (Width * 4) + output % Width * 4 + input % 4;

    /// <summary>Whether a code is the high half of its byte.</summary>
    internal bool IsHigh(long input) => Bits == 4 && input % 8 >= 4;

    /// <summary>The place of an output's number for a group: panel by panel, group by group.</summary>
    internal static long PlaceOf(long output, long group, long groups) => (output / Width * groups + group) * Width + output % Width;
}
