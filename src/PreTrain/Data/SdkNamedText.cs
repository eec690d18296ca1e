namespace PreTrain.Data;

/// <summary>The description of something that has a name: a parameter, a type parameter, or an exception.</summary>
/// <param name="Name">The parameter's name, or the exception's type without its namespace.</param>
/// <param name="Text">What the documentation says about it.</param>
public sealed record SdkNamedText(string Name, SdkText Text);
