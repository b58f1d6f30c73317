// The only script of ours: it asks this device's passkey, and puts what it says into the form that is sent.
// A form says with data-passkey what it wants: "get" (sign in, or sign something) or "create" (a new passkey).
"use strict";

const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));

const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function get(options) {
  options.challenge = bytes(options.challenge);
  options.allowCredentials = (options.allowCredentials || []).map((c) => ({ ...c, id: bytes(c.id) }));
  const found = await navigator.credentials.get({ publicKey: options });
  const said = found.response;
  return {
    id: found.id,
    rawId: text(found.rawId),
    type: found.type,
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(said.clientDataJSON),
      authenticatorData: text(said.authenticatorData),
      signature: text(said.signature),
      ...(said.userHandle ? { userHandle: text(said.userHandle) } : {}),
    },
  };
}

async function create(options) {
  options.challenge = bytes(options.challenge);
  options.user.id = bytes(options.user.id);
  const made = await navigator.credentials.create({ publicKey: options });
  const said = made.response;
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    clientExtensionResults: {},
    response: {
      clientDataJSON: text(said.clientDataJSON),
      attestationObject: text(said.attestationObject),
      transports: said.getTransports ? said.getTransports() : [],
    },
  };
}

function complain(form, message) {
  const place = form.querySelector("[data-problem]");
  place.textContent = message;
  place.hidden = false;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const wish = form.dataset.passkey;
  if (!wish || form.elements.assertion.value) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const ask = wish === "create" ? create : get;
    form.elements.assertion.value = JSON.stringify(await ask(JSON.parse(form.dataset.options)));
    form.submit();
  } catch (problem) {
    button.disabled = false;
    complain(form, problem.name === "NotAllowedError" ? form.dataset.refused : form.dataset.failed);
  }
});

// An invitation's token stands behind the # of its link, so that it reaches no server's log; it is sent in a form.
// Opened once more in a window that shows its page already, a link changes what stands behind the # and loads nothing.
function redeem() {
  if (location.pathname !== "/join" || location.hash.length < 2 || location.hash === "#content") return;
  const joining = document.querySelector("form[data-joining]");
  if (!joining) {
    location.replace(`/join?again${location.hash}`);
    return;
  }
  joining.elements.invitation.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  joining.submit();
}
redeem();
addEventListener("hashchange", redeem);

// A link to copy.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = button.dataset.done;
});
