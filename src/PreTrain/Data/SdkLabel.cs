namespace PreTrain.Data;

/// <summary>What the documentation of the .NET SDK tells of a member beside its summary.</summary>
public enum SdkLabel
{
    /// <summary>What it is: a type, a method, a property and so on.</summary>
    Kind,

    /// <summary>The namespace that it belongs to.</summary>
    Namespace,
}
