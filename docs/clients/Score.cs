// Unity: a player's client reads a board; a dedicated server submits scores too.
// The key is made by `varcadectl keys add PRODUCT`. In a player's build everybody can read it: submit from the
// server that plays the match. Use: StartCoroutine(score.Board("exrps", "wins", page => …));
using System;
using System.Collections;
using System.Globalization;
using System.Text;
using UnityEngine;
using UnityEngine.Networking;

public class Score : MonoBehaviour {
    [Serializable] public class Entry { public int rank; public string user_id; public string username; public double score; }
    [Serializable] public class Page { public string board; public int total; public Entry[] entries; }

    public string url = "https://games.example";

    // The same eventId sent twice counts once, so a request whose fate is not known can be sent again.
    public IEnumerator Submit(string key, string product, string player, double score, string eventId) {
        string number = score.ToString("R", CultureInfo.InvariantCulture);
        string body = $"[{{\"type\": \"score\", \"user_id\": \"{player}\", \"score\": {number}, \"event_id\": \"{eventId}\"}}]";
        using var request = new UnityWebRequest($"{url}/events/{product}", "POST") {
            uploadHandler = new UploadHandlerRaw(Encoding.UTF8.GetBytes(body)),
            downloadHandler = new DownloadHandlerBuffer(), timeout = 10 };
        request.SetRequestHeader("Authorization", "Bearer " + key);
        yield return request.SendWebRequest();
        if (request.result != UnityWebRequest.Result.Success) Debug.LogError(request.downloadHandler.text);
    }

    public IEnumerator Board(string product, string board, Action<Page> done) {
        using var request = UnityWebRequest.Get($"{url}/leaderboards/{product}/{board}?limit=10");
        yield return request.SendWebRequest();
        if (request.result == UnityWebRequest.Result.Success) done(JsonUtility.FromJson<Page>(request.downloadHandler.text));
    }
}
