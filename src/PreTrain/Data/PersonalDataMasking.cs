using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace PreTrain.Data;

/// <summary>Replaces mail addresses, card numbers, phone numbers and IP addresses by &lt;email&gt;, &lt;card&gt;, &lt;phone&gt; and &lt;ip&gt;.</summary>
/// <remarks>
/// A card number is 13 to 19 digits with the check digit of ISO/IEC 7812-1 (Luhn). A phone number is written with + and its country, or in the North American
/// pattern with separators, or with an area code in parentheses; other runs of digits, such as dates and amounts, stay. Loopback, unspecified and
/// private IP addresses stay too: they belong to nobody.
/// </remarks>
public sealed partial class PersonalDataMasking : CorpusStep
{
    /// <inheritdoc/>
    public override string Name => "personal data";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(output);
        var text = document;
        if (text.Contains('@'))
            text = Replace(text, Mail(), "<email>", static _ => true, "mail addresses", output);
        if (text.AsSpan().ContainsAnyInRange('0', '9'))
        {
            text = Replace(text, Card(), "<card>", static match => HasLuhnDigit(match.ValueSpan), "card numbers", output);
            text = Replace(text, Ip4(), "<ip>", static match => IsPublic(match.ValueSpan), "IP addresses", output);
            text = Replace(text, Phone(), "<phone>", static match => DigitCount(match.ValueSpan) is >= 7 and <= 15, "phone numbers", output);
        }
        if (text.Contains(':'))
            text = Replace(text, Ip6(), "<ip>", static match => IsPublic(match.ValueSpan), "IP addresses", output);
        output.Keep(text);
    }

    private static string Replace(string text, Regex pattern, string mask, Func<Match, bool> accepts, string name, CorpusStepOutput output)
    {
        var count = 0;
        var result = pattern.Replace(text, match =>
        {
            if (!accepts(match))
                return match.Value;
            count++;
            return mask;
        });
        output.Count(name, count);
        return result;
    }

    private static int DigitCount(ReadOnlySpan<char> text)
    {
        var count = 0;
        foreach (var c in text)
            count += char.IsAsciiDigit(c) ? 1 : 0;
        return count;
    }

    /// <summary>Whether every second digit from the right, doubled and its digits added, makes the sum a multiple of ten.</summary>
    internal static bool HasLuhnDigit(ReadOnlySpan<char> number)
    {
        int sum = 0, place = 0, nonZero = 0;
        for (var i = number.Length - 1; i >= 0; i--)
        {
            if (!char.IsAsciiDigit(number[i]))
                continue;
            var digit = number[i] - '0';
            nonZero |= digit;
            if (place++ % 2 == 1)
                digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
            sum += digit;
        }
        return place is >= 13 and <= 19 && nonZero != 0 && sum % 10 == 0;
    }

    private static bool IsPublic(ReadOnlySpan<char> text)
    {
        if (!IPAddress.TryParse(text, out var address) || IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
            return false;
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return !address.IsIPv6LinkLocal && !address.IsIPv6UniqueLocal && !address.IsIPv6Multicast && text.Count(':') >= 2 && DigitCount(text) > 0 && text.Length > 6;
        return address.GetAddressBytes() is not ([10, ..] or [192, 168, ..] or [172, >= 16 and < 32, ..] or [169, 254, ..] or [0, ..] or [>= 224, ..]);
    }

    [GeneratedRegex(@"(?<![\w.+%-])[A-Za-z0-9][\w.+%-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![\w@])", RegexOptions.CultureInvariant)]
    private static partial Regex Mail();

    [GeneratedRegex(@"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d]|[.,]\d)", RegexOptions.CultureInvariant)]
    private static partial Regex Card();

    [GeneratedRegex(@"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)", RegexOptions.CultureInvariant)]
    private static partial Regex Ip4();

    [GeneratedRegex(@"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])", RegexOptions.CultureInvariant)]
    private static partial Regex Ip6();

    [GeneratedRegex(@"(?<![\w.+-])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}|\(\d{2,5}\)[ .-]?\d{3,4}(?:[ .-]?\d{2,4}){1,2}|\d{3}[ .-]\d{3}[ .-]\d{4})(?![\w]|[.-]\d)", RegexOptions.CultureInvariant)]
    private static partial Regex Phone();
}
