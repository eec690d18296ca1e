namespace PreTrain.Tokenization;

/// <summary>A token that is found in the text before words are cut, with the flags that <c>tokenizer.json</c> gives it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="SingleWord">Whether it counts only where no word character touches it.</param>
/// <param name="StripLeft">Whether it swallows the white space before it.</param>
/// <param name="StripRight">Whether it swallows the white space after it.</param>
/// <param name="Normalized">Whether it is looked for after those that are not, in what they left over.</param>
/// <param name="Special">Whether it marks structure and is no text.</param>
internal sealed record AddedToken(
    int Id, string Content, bool SingleWord = false, bool StripLeft = false, bool StripRight = false, bool Normalized = false, bool Special = true);
