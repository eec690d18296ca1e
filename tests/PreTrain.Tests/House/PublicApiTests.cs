using TorchSharp.Tests;

namespace PreTrain.Tests.House;

/// <summary>What the library shows to others is written down, so that no change of it goes unnoticed.</summary>
public sealed class PublicApiTests
{
    /// <summary>Set to 1, the test writes the list anew instead: <c>PRETRAIN_APPROVE_API=1 dotnet test --filter PublicApiTests</c>.</summary>
    private const string Variable = "PRETRAIN_APPROVE_API";

    [Fact]
    public void PublicMembers_OfTheLibrary_AreTheApprovedOnes()
    {
        string[] actual = [.. PublicApi.Lines(Path.Combine(AppContext.BaseDirectory, "PreTrain.dll"))];
        if (Environment.GetEnvironmentVariable(Variable) == "1")
        {
            File.WriteAllText(ApprovedFile(), string.Join('\n', actual) + "\n");
            return;
        }

        string[] approved = File.ReadAllLines(ApprovedFile());

        string[] difference = [.. approved.Except(actual).Select(line => "- " + line), .. actual.Except(approved).Select(line => "+ " + line)];
        Assert.True(difference.Length == 0,
            $"The public members are not those of PublicApi.approved.txt. If that is intended, run this test with {Variable}=1 and commit the file.\n" + string.Join('\n', difference));
    }

    private static string ApprovedFile()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "PreTrain.sln")))
                return Path.Combine(folder.FullName, "tests", "PreTrain.Tests", "House", "PublicApi.approved.txt");
        }
        throw new DirectoryNotFoundException($"No folder above {AppContext.BaseDirectory} holds PreTrain.sln.");
    }
}
