// Web Authentication Level 3: options and answers in their JSON forms.
const token = () => document.querySelector("meta[name=csrf-token]").content;
const say = (text) => { document.querySelector("#outcome").textContent = text; };

const post = async (url, data = {}) => {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": token() },
    body: JSON.stringify(data),
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.json();
};

const attempt = async (what) => {
  try { await what(); } catch (error) { say(error.message); }
};

document.querySelector("#add-passkey")?.addEventListener("click", () => attempt(async () => {
  const options = PublicKeyCredential.parseCreationOptionsFromJSON(await post("/passkeys/options"));
  const made = await navigator.credentials.create({ publicKey: options });
  await post("/passkeys/register", made.toJSON());
  say("The passkey is yours.");
}));

document.querySelector("#by-passkey")?.addEventListener("click", () => attempt(async () => {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(await post("/login/passkey/options"));
  const given = await navigator.credentials.get({ publicKey: options });
  await post("/login/passkey", given.toJSON());
  location.assign("/");
}));
