# Godot 4: a player's client reads a board; a server built with Godot submits scores too.
# KEY is made by `varcadectl keys add PRODUCT`. A key in an exported game can be read by everybody who
# has the game: submit from the server that plays the match, not from the player's machine.
extends Node

const URL := "https://games.example"
var key := OS.get_environment("VARCADE_KEY")

func ask(path: String, headers: PackedStringArray = [], method := HTTPClient.METHOD_GET, body := "") -> Variant:
	var request := HTTPRequest.new()
	request.timeout = 10.0
	add_child(request)
	if request.request(URL + path, headers, method, body) != OK: # then there is no signal to wait for
		request.queue_free()
		return null
	var answer: Array = await request.request_completed # result, status, headers, body
	request.queue_free()
	if answer[0] != HTTPRequest.RESULT_SUCCESS or answer[1] >= 400:
		push_error("%s: %s" % [answer[1], answer[3].get_string_from_utf8()])
		return null
	return JSON.parse_string(answer[3].get_string_from_utf8())

# The same event_id sent twice counts once, so a request whose fate is not known can be sent again.
func submit(product: String, player: String, score: float, event_id: String) -> bool:
	var event := {"type": "score", "user_id": player, "score": score, "event_id": event_id}
	var headers := PackedStringArray(["Authorization: Bearer " + key, "Content-Type: application/json"])
	return await ask("/events/" + product, headers, HTTPClient.METHOD_POST, JSON.stringify([event])) != null

func board(product: String, id: String) -> Array:
	var page: Variant = await ask("/leaderboards/%s/%s?limit=10" % [product.uri_encode(), id.uri_encode()])
	return page["entries"] if page else []
